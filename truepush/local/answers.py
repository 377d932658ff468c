"""Asking the started programs whether they answer."""

import http.client
import ssl
from pathlib import Path

TIMEOUT_SECONDS = 5.0


def web_answers(port: int, path: str = "/") -> bool:
    """Say whether the page is there; sites tell their pages apart by the host name, so it is sent along."""
    return _status(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS), port, path) == 200


def sandbox_answers(port: int, authority: Path) -> bool:
    """Say whether the sandbox push service answers over TLS, whatever its answer is."""
    if not authority.exists():
        return False
    context = ssl.create_default_context(cafile=str(authority))
    connection = http.client.HTTPSConnection("localhost", port, timeout=TIMEOUT_SECONDS, context=context)
    return _status(connection, port, "/") is not None


def _status(connection: http.client.HTTPConnection, port: int, path: str) -> int | None:
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
