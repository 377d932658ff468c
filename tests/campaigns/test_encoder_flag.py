"""The flag of the message encoder: a workspace without it gets pywebpush's messages, which browsers read as well."""

import json
import time
from typing import Any

import pytest
from django.utils import timezone

from campaigns.delivery.compose_push import Composer
from campaigns.delivery.recipients import read_recipients
from campaigns.delivery.transport import Transport
from campaigns.models import Send
from tenants import flags
from tenants.actions.flags import name_workspace, start_flag, stop_flag
from tenants.doorway import in_tenant
from tenants.flag_figures import figures
from tenants.models import FeatureFlag, FlagFigure
from tenants.own_connection import ask_here
from tests.campaigns.places import Place, add_subscribers, finish, launch
from tests.campaigns.test_delivery_outcomes import answer
from tests.sandbox.driver import SEED
from truepush.lib.webpush import encryption, reference
from truepush.lib.webpush.encryption import decrypt
from truepush.local.sandbox.subscriptions import Answer, Behaviour, receiver_keys

NAME = flags.OWN_ENCODER.name


def composer_of(place: Place, send: Send) -> Composer:
    flags.forget()
    with in_tenant(place.schema):
        return Composer(send, place.workspace.tenant.pk, place.site.contact)


def test_a_workspace_without_the_flag_gets_messages_that_its_browsers_read(place: Place) -> None:
    [stored] = add_subscribers(place, [Behaviour()])
    send = launch(place)
    assert composer_of(place, send).encrypt is encryption.encrypt
    name_workspace(actor=None, name=NAME, slug=place.workspace.tenant.slug, choice="off")
    composer = composer_of(place, send)
    assert composer.encrypt is reference.encrypt
    with in_tenant(place.schema):
        row = read_recipients([stored.pk])[stored.pk]
        body = composer.post(7, row, root_id=31, ordinal=5, now=timezone.now()).body
    keys = receiver_keys(SEED, row.endpoint.rpartition("/")[2])
    assert json.loads(decrypt(body, keys.private, keys.auth))["notification"]["title"] == "Sale"


def test_a_stop_reaches_a_send_that_is_under_way(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    [stored] = add_subscribers(place, [Behaviour()])
    composer = composer_of(place, launch(place))
    stop_flag(actor=None, name=NAME)
    now = time.monotonic()
    with in_tenant(place.schema):
        row = read_recipients([stored.pk])[stored.pk]
        composer.post(7, row, root_id=31, ordinal=5, now=timezone.now())
        assert composer.encrypt is encryption.encrypt
        monkeypatch.setattr(time, "monotonic", lambda: now + flags.LIFETIME_SECONDS)
        composer.post(7, row, root_id=31, ordinal=6, now=timezone.now())
    assert composer.encrypt is reference.encrypt


def test_settings_that_leave_no_choice_win(place: Place, settings: Any) -> None:
    add_subscribers(place, [Behaviour()])
    send = launch(place)
    settings.PUSH_ENCODER = "pywebpush"
    assert composer_of(place, send).encrypt is reference.encrypt
    stop_flag(actor=None, name=NAME)
    settings.PUSH_ENCODER, settings.PUSH_PAD_TO = "truepush", 100
    assert composer_of(place, send).encrypt.func is encryption.encrypt  # type: ignore[attr-defined]


def test_answers_of_push_services_are_counted_for_the_group(place: Place, transport: Transport) -> None:
    start_flag(actor=None, name=NAME, percent=100)
    figures.flush(ask_here)
    FeatureFlag.objects.update(started_at="2020-01-01T00:00Z")  # it reached all processes
    rows = add_subscribers(place, [Behaviour(), Behaviour(), Behaviour(Answer.GONE), Behaviour()])
    answer(place, rows[3:], status=400)
    finish(place, launch(place), transport)
    figures.flush(ask_here)
    row = FlagFigure.objects.get(kind="deliveries")
    assert (row.is_on, row.events, row.errors) == (True, 4, 1)
