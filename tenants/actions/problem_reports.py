"""A person of a workspace tells support what happened."""

import re
from typing import NamedTuple

from django.db import transaction

from tenants.actions import audit
from tenants.actions.alerts import raise_alert
from tenants.actions.attempts import HOUR, take_turn
from tenants.actions.problems import REPORTED
from tenants.models import ProblemReport, SendIndex, Tenant, User
from tenants.models_problems import MOST_PATH

MOST_AN_HOUR, MOST_A_DAY = 10, 50
DAY = 24 * HOUR
MOST_BROWSER = 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
# Of this host: two slashes would begin another's name.
_PATH = re.compile(r"/(?!/)[\w./-]*")
_SEND = re.compile(r"/sends/(\d{1,18})/")


class Where(NamedTuple):
    """The page that somebody came from, as the browser says: the request's id, the path, the browser's own line."""

    request_id: str = ""
    path: str = ""
    browser: str = ""

    def tidy(self) -> "Where":
        """What is not of the expected form is left out: nobody is to be refused for it."""
        path = self.path if _PATH.fullmatch(self.path) and len(self.path) <= MOST_PATH else ""
        browser = "".join(character for character in self.browser if character.isprintable())
        return Where(self.request_id if _ID.fullmatch(self.request_id) else "", path, browser[:MOST_BROWSER])


def report_problem(*, actor: User, tenant: Tenant, text: str, where: Where) -> ProblemReport:
    """Tell support, with the page and the send that it showed; raises attempts.TooMany.

    Tries are counted before the rest, and stay counted.
    """
    take_turn(f"reports of {actor.pk}", most=MOST_AN_HOUR, seconds=HOUR)
    take_turn(f"reports in {tenant.pk}", most=MOST_A_DAY, seconds=DAY)
    return _report(actor, tenant, text, where.tidy())


@transaction.atomic
def _report(actor: User, tenant: Tenant, text: str, where: Where) -> ProblemReport:
    shown = _SEND.match(where.path)
    send = SendIndex.objects.filter(tenant_id=tenant.pk, send_id=int(shown[1])).first() if shown else None
    report = ProblemReport.objects.create(
        tenant_id=tenant.pk, user=actor, text=text, send_id=send.send_id if send else None, **where._asdict()
    )
    audit.record("problem.report", actor=actor, tenant_id=tenant.pk, target=f"report {report.pk}")
    # Without what was written: reports are forgotten, alerts stay.
    raise_alert(REPORTED, tenant.pk, f"Report {report.pk} of {tenant.name} waits.")
    return report
