from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _static_files_on_demand(settings: Any) -> None:
    """Each test client is a new application, and would walk through all static files at its first request."""
    settings.WHITENOISE_AUTOREFRESH = True
