import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """The published examples of RFC 8188, 8291 and 8292; octets are base64url."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("vectors.json").read_text())
    return loaded
