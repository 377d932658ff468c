"""Both workspaces, filled: ids 1 to 3 exist in both, 7 to 9 in the second alone."""

from dataclasses import dataclass

import pytest

from tests.conftest import Workspace
from tests.isolation.world import BOTH, ONLY_SECOND, fill


@dataclass(frozen=True)
class Two:
    """`first` is acme, marked zqa...; `second` is globex, marked zqb..., with more rows."""

    first: Workspace
    second: Workspace


@pytest.fixture
def two(acme: Workspace, globex: Workspace) -> Two:
    fill(acme, "a", BOTH)
    fill(globex, "b", BOTH + ONLY_SECOND)
    for place in (acme, globex):
        place.tenant.refresh_from_db()
    return Two(acme, globex)
