from collections.abc import Iterator

import pytest

from tests.sandbox.driver import Program, ReceiptsEndpoint, Sandbox, free_port, until


@pytest.fixture(scope="session")
def receipts_endpoint() -> ReceiptsEndpoint:
    return ReceiptsEndpoint()


@pytest.fixture(scope="session")
def started_sandbox(
    receipts_endpoint: ReceiptsEndpoint, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), sdk_url=receipts_endpoint.url)
    sandbox.program.start()
    yield sandbox
    assert sandbox.program.stop() == 0


@pytest.fixture
def sandbox(started_sandbox: Sandbox, receipts_endpoint: ReceiptsEndpoint) -> Sandbox:
    """A sandbox that has seen nothing yet; waiting times are divided by 100."""
    until(lambda: started_sandbox.counts()["receipts"]["waiting"] == 0)
    assert started_sandbox.control("POST", "reset").status_code == 204
    receipts_endpoint.reset()
    return started_sandbox


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    environment = {
        "DEMO_SHOP_URL": f"http://localhost:{free_port()}",
        "SDK_URL": "http://sdk.localhost:8000",
        "DEMO_SITE_KEY_FILE": str(tmp_path_factory.mktemp("shop") / "demo-site-key"),
    }
    program = Program("truepush.local.shop", environment)
    program.start()
    yield program
    assert program.stop() == 0
