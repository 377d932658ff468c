"""The first page and the list of campaigns move while something is being sent, and stand still afterwards."""

from collections.abc import Callable

import pytest
from django.test import Client

from campaigns.delivery.transport import Transport
from tests.campaigns.places import NORMAL, Place, add_subscribers, finish, launch


@pytest.mark.parametrize(("path", "part"), [("/", "last-sends"), ("/campaigns/", "campaigns")])
def test_the_figures_are_asked_for_again_until_the_send_is_finished(
    place: Place, transport: Transport, console: Callable[..., Client], path: str, part: str
) -> None:
    add_subscribers(place, [NORMAL] * 2)
    send = launch(place)
    client = console(place.workspace)
    moving = client.get(path).content.decode()
    assert (f'id="{part}"' in moving, f'hx-select="#{part}"' in moving) == (True, True)
    finish(place, send, transport)
    still = client.get(path).content.decode()
    assert (f'id="{part}"' in still, f'hx-select="#{part}"' in still) == (True, False)
    assert "100.0 %<span" in still
