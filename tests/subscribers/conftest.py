"""A website of one workspace, from whose pages the calls come."""

import pytest
from django.conf import settings as django_settings

from subscribers.models import Site
from tests.conftest import Workspace, make_site


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_found_when_asked_for() -> None:
    """Each test client would else list all static files first: 60 ms, more than most of these tests take."""
    django_settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def shop(acme: Workspace) -> Site:
    return make_site(acme)
