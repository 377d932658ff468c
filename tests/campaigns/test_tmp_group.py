import os, signal, time
from tests.campaigns.places import *
from tests.campaigns.test_worker_processes import QUICK, AUDIENCE, ANSWER_MS, sent


def test_group(lasting, tmp_path):
    add_subscribers(lasting, [NORMAL] * AUDIENCE)
    lasting.sandbox.script(status=201, delay_ms=ANSWER_MS)
    send = launch(lasting)
    with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=2, **QUICK) as r:
        until(lambda: sent(lasting) > AUDIENCE * 0.3, 15)
        t = time.monotonic()
        os.killpg(r.process.pid, signal.SIGTERM)
        print("exit", r.process.wait(20), time.monotonic() - t)
    print((tmp_path / "log").read_text()[-1500:])
