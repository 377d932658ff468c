"""Our encryption and pywebpush's against the floor, and what each step of ours costs."""

import hmac
import itertools
import os
import statistics
import time
from collections.abc import Callable
from multiprocessing import Process

from cryptography.hazmat.backends.openssl import backend
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.lib.cpu import print_figures
from bench.lib.floor import Floor
from campaigns.delivery.payload import template_of
from truepush.lib.receipt_token import TokenMaker
from truepush.lib.webpush import encryption, reference
from truepush.lib.webpush.keys import CURVE, load_public_key, public_bytes

ROUNDS, TIMES = 7, 1500
PLAINTEXT = b"x" * 200
AUTH = bytes(range(16))
CONTENT = {"title": "Half price", "body": "Until Sunday", "url": "https://shop.example/sale", "icon_url": ""}


def main() -> None:
    floor = Floor()
    print(f"libcrypto of the floor: {floor.version}; of cryptography: {backend.openssl_version_text()}")
    whole, steps = _whole(), _steps()
    times: dict[str, list[float]] = {name: [] for name in ["floor", *whole, *steps]}
    for _ in range(ROUNDS):
        times["floor"].append(floor.microseconds(TIMES))
        for name, run in {**whole, **steps}.items():
            times[name].append(_microseconds(run))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:32s} {value:7.1f} us  {value / medians['floor']:5.2f} x floor")
    one, two = _processes(1), _processes(2)
    print(f"two processes at once: {two / one:.2f} times the CPU per message of one")
    print_figures(
        {
            "ours_us": medians["ours"],
            "pywebpush_us": medians["pywebpush"],
            "floor_us": medians["floor"],
            "ratio_floor": medians["ours"] / medians["floor"],
            "ratio_pywebpush": medians["pywebpush"] / medians["ours"],
            "two_processes": two / one,
        }
    )


def _microseconds(run: Callable[[], object]) -> float:
    before = time.process_time()
    for _ in range(TIMES):
        run()
    return (time.process_time() - before) / TIMES * 1e6


def _peers() -> "itertools.cycle[bytes]":
    return itertools.cycle([public_bytes(ec.generate_private_key(CURVE).public_key()) for _ in range(500)])


def _whole() -> dict[str, Callable[[], object]]:
    peers = _peers()
    return {
        "ours": lambda: encryption.encrypt(PLAINTEXT, next(peers), AUTH),
        "pywebpush": lambda: reference.encrypt(PLAINTEXT, next(peers), AUTH),
    }


def _steps() -> dict[str, Callable[[], object]]:
    """The steps of one message, each by itself; the exchange always with a key that was not used before."""
    peers = _peers()
    loaded = itertools.cycle([load_public_key(next(peers)) for _ in range(500)])
    key = ec.generate_private_key(CURVE)
    public = key.public_key()
    secret, salt = bytes(32), bytes(16)
    template = template_of(CONTENT, tag="tp-0")
    maker = TokenMaker({1: bytes(32)}, 1, 2, 3)
    numbers = itertools.count()
    return {
        "step: make the key": lambda: ec.generate_private_key(CURVE),
        "step: its public octets": lambda: public_bytes(public),
        "step: load the browser's key": lambda: load_public_key(next(peers)),
        "step: make a key and exchange": lambda: ec.generate_private_key(CURVE).exchange(
            ec.ECDH(), next(loaded)
        ),
        "step: five HMACs": lambda: [hmac.digest(secret, secret, "sha256") for _ in range(5)],
        "step: AES-GCM": lambda: AESGCM(salt).encrypt(salt[:12], PLAINTEXT, None),
        "step: salt": lambda: os.urandom(16),
        "step: receipt token": lambda: maker.token(next(numbers), 0),
        "step: fill the payload": lambda: template.fill("x" * 58),
    }


def _processes(number: int) -> float:
    """CPU seconds per process when so many encrypt at once."""
    before = os.times()
    processes = [Process(target=_work) for _ in range(number)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used / number


def _work() -> None:
    run = _whole()["ours"]
    for _ in range(4 * TIMES):
        run()


if __name__ == "__main__":
    main()
