"""What a person waits for in front of a page does not stand behind deliveries."""

from pathlib import Path

from tenants.actions.workspace import create_workspace
from tenants.models import Tenant, User
from tests.campaigns.places import NORMAL, Place, add_subscribers, fresh, launch, worker
from tests.conftest import Workspace, remove_workspace
from tests.sandbox.driver import until


def test_a_new_workspace_is_ready_while_a_campaign_keeps_all_senders_busy(
    lasting: Place, tmp_path: Path
) -> None:
    add_subscribers(lasting, [NORMAL] * 120)
    lasting.sandbox.script(status=201, delay_ms=500)
    send = launch(lasting)
    owner = User.objects.create_user("new@queue.test", "x")
    made = Workspace(create_workspace(actor=owner, name="Queue", slug="queue"), owner)
    try:
        with worker(lasting.sandbox, tmp_path / "log", Q_WORKERS=1, PUSH_CONCURRENCY=5) as running:
            until(lambda: Tenant.objects.get(pk=made.tenant.pk).state == Tenant.State.ACTIVE, 20)
            assert fresh(lasting, send).state != "finished"
            assert running.stop() == 0
    finally:
        remove_workspace(made)
