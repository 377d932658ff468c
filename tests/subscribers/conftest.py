"""A website of one workspace, from whose pages the calls come."""

import pytest

from subscribers.models import Site
from tests.conftest import Workspace, make_site


@pytest.fixture
def shop(acme: Workspace) -> Site:
    return make_site(acme)
