"""Our HTTP/2 transport against libcurl's multi interface, at the same nginx, interleaved."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pycurl

from bench.lib.cpu import print_figures
from bench.lib.server import Server, push_server
from campaigns.delivery.transport import Post, Transport

MESSAGES, ROUNDS, IN_FLIGHT = 10_000, 5, 100
BODY = bytes(340)
FIELDS = (
    ("authorization", "vapid t=" + "x" * 240 + ", k=" + "y" * 87),
    ("ttl", "86400"),
    ("urgency", "normal"),
    ("content-encoding", "aes128gcm"),
    ("content-type", "application/octet-stream"),
)


def main() -> None:
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        push_server(Path(folder), requests=1000) as server,
    ):
        peers: dict[str, Callable[[Server], None]] = {"ours": with_ours, "pycurl": with_pycurl}
        times: dict[str, list[float]] = {name: [] for name in peers}
        for number in range(ROUNDS):
            for name, run in peers.items():
                before = time.process_time()
                run(server)
                times[name].append((time.process_time() - before) / MESSAGES * 1e6)
                print(f"round {number + 1} {name}: {times[name][-1]:.1f} us of CPU per POST", flush=True)
    ours, curl = (statistics.median(times[name]) for name in peers)
    print_figures({"ours_us": ours, "pycurl_us": curl, "ratio": curl / ours, "messages": MESSAGES})


def with_ours(server: Server) -> None:
    """Post all; GOAWAY comes every 1,000 requests, and every one must be answered 201."""
    transport = Transport(concurrency=IN_FLIGHT, attempt_seconds=15.0, sandbox_ca=str(server.ca))
    left, statuses = MESSAGES, []
    while left or transport.in_flight:
        while left and transport.free > 0:
            transport.start(Post(left, server.origin, f"/push/{left}", True, FIELDS, BODY))
            left -= 1
        statuses += [reply.status for reply in transport.poll(0.05)]
    transport.close()
    _check(statuses)


def with_pycurl(server: Server) -> None:
    """The same loop on libcurl, which reuses its handles and multiplexes over HTTP/2."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    idle = [_handle(server) for _ in range(IN_FLIGHT)]
    left, running, statuses = MESSAGES, 0, []
    while left or running:
        while left and idle:
            handle = idle.pop()
            handle.setopt(pycurl.URL, f"{server.origin}/push/{left}")
            handle.setopt(pycurl.POSTFIELDS, BODY)
            multi.add_handle(handle)
            left -= 1
            running += 1
        multi.perform()
        _, done, failed = multi.info_read()
        for handle in [*done, *(item[0] for item in failed)]:
            statuses.append(handle.getinfo(pycurl.RESPONSE_CODE))
            multi.remove_handle(handle)
            idle.append(handle)
            running -= 1
        if not done:
            multi.select(0.05)
    _check(statuses)


def _handle(server: Server) -> pycurl.Curl:
    handle = pycurl.Curl()
    lines = [f"{name}: {value}" for name, value in FIELDS]
    for option, value in (
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
        (pycurl.PIPEWAIT, 1),
        (pycurl.CAINFO, str(server.ca)),
        (pycurl.HTTPHEADER, [*lines, "Expect:", "Accept:"]),
        (pycurl.POST, 1),
        (pycurl.WRITEFUNCTION, len),
        (pycurl.TIMEOUT_MS, 15_000),
    ):
        handle.setopt(option, value)
    return handle


def _check(statuses: list[int]) -> None:
    if statuses != [201] * MESSAGES:
        raise SystemExit(
            f"{statuses.count(201)} of {MESSAGES} were answered 201: the figures are worth nothing."
        )


if __name__ == "__main__":
    main()
