"""Fetch a file from an address that a person gave, over HTTPS, through the guard (truepush.lib.guarded).

Redirects are followed a few times, each through the same checks.
"""

import http.client
import time
from urllib.parse import urlsplit

from truepush.lib.guarded import Failure, GetFailed, Trust, get

TOTAL_SECONDS = 10.0
MOST_REDIRECTS = 3
_SAYS = {
    Failure.ADDRESS: "Give a full address that begins with https://, without spaces or a user name.",
    Failure.PRIVATE: "{host} is not a public address, so nothing is fetched from it.",
    Failure.CERTIFICATE: "The certificate of {host} is not valid. Bring the file itself.",
    Failure.TIME: "{host} did not answer in time. Bring the file itself.",
}
_ELSE = "{host} cannot be reached. Look at the address, or bring the file itself."


class FetchRefused(ValueError):
    """It was not fetched; the text says why and what to do."""


def fetch(
    url: str, *, most: int, accept: str, trust: Trust | None = None, seconds: float = TOTAL_SECONDS
) -> bytes:
    """Get a file of at most `most` octets within so many seconds in all; raises FetchRefused."""
    deadline = time.monotonic() + seconds
    headers = {"Accept": accept, "User-Agent": "Truepush"}
    for _ in range(MOST_REDIRECTS + 1):
        try:
            answer = get(
                url, most=most, deadline=deadline, headers=headers, trust=trust, read=(http.client.OK,)
            )
            if answer.location:
                url = answer.onward
                continue
        except GetFailed as error:
            raise FetchRefused(_SAYS.get(error.failure, _ELSE).format(host=error.host)) from None
        if answer.status != http.client.OK:
            host = urlsplit(url).hostname
            raise FetchRefused(f"{host} answers {answer.status}. Open the address in a browser to see why.")
        if answer.is_cut:
            raise FetchRefused(f"The file has more than {most:,} bytes. Make it smaller.")
        return answer.body
    raise FetchRefused(
        f"The address leads on more than {MOST_REDIRECTS} times. Give the one where the file is."
    )
