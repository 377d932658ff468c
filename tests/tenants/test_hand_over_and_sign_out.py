"""Signing out everywhere also ends what was on its way into a console."""

import pytest
from django.test import Client

from tenants.actions.handover import HandoverRefused, challenge_of, end_all_sessions, host_of, issue, redeem
from tenants.models import Handover, User
from tests.conftest import Workspace

NONCE = "n" * 43


def test_a_request_from_before_the_sign_out_gets_no_token_after_it(acme: Workspace) -> None:
    earlier = User.objects.get(pk=acme.owner.pk)
    end_all_sessions(actor=acme.owner, user=acme.owner)
    with pytest.raises(HandoverRefused, match="signed out in the meantime"):
        issue(actor=earlier, tenant=acme.tenant, challenge=challenge_of(NONCE))
    assert not Handover.objects.filter(user=acme.owner).exists()


def test_a_token_from_before_the_sign_out_opens_nothing_after_it(acme: Workspace) -> None:
    token = issue(actor=acme.owner, tenant=acme.tenant, challenge=challenge_of(NONCE))
    end_all_sessions(actor=acme.owner, user=acme.owner)
    with pytest.raises(HandoverRefused, match="used already"):
        redeem(token, tenant=acme.tenant, host=host_of(acme.tenant), nonce=NONCE)


def test_the_session_of_a_person_who_was_read_before_the_sign_out_is_dead(
    acme: Workspace, public: Client
) -> None:
    """What `redeem` answers carries the epoch of its claim: a sign-out right after it ends that session too."""
    token = issue(actor=acme.owner, tenant=acme.tenant, challenge=challenge_of(NONCE))
    user = redeem(token, tenant=acme.tenant, host=host_of(acme.tenant), nonce=NONCE).user
    end_all_sessions(actor=acme.owner, user=acme.owner)
    public.force_login(user)
    assert public.get("/workspaces/")["Location"].startswith("/sign-in/")
