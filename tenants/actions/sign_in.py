"""What is kept of signing in: who came in and who did not."""

from tenants.actions import audit
from tenants.models import User


def record_sign_in(*, actor: User, methods: list[str]) -> None:
    audit.record("user.sign_in", actor=actor, tenant_id=None, target=actor.email[:120], methods=methods)


def record_failure(*, email: str) -> None:
    """Record a wrong password, whether or not there is such an account: else its time would tell."""
    audit.record("user.sign_in_failed", actor=audit.SYSTEM, tenant_id=None, target=email[:120])


def record_wrong_code(*, user: User) -> None:
    audit.record("user.second_factor_failed", actor=audit.SYSTEM, tenant_id=None, target=user.email[:120])
