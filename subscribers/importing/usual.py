"""The quick way through a file of CSV, for rows like earlier ones: 11 us where `given` takes 25.

Nearly all rows are of a usual endpoint and good keys, and who and where they are of (language, place, browser, state of
the subscription) stood in another one just so. What the full reading made of those texts is kept and used again.
Whatever is not like that is left to the full reading, which alone refuses and says why.
"""

from operator import itemgetter

from subscribers.importing.given import Refused, Subscription, attributes_of, moment_of, plain_key, tags_of
from subscribers.importing.lines import Row, array_of, object_of, profile_of, write_row
from subscribers.profiles import ProfileRefused, read_external_id
from truepush.lib.webpush.endpoints import usual_service
from truepush.lib.webpush.keys import usual_keys

# What each subscription may have of its own.
_OWN = ("endpoint", "p256dh", "auth", "external_id", "tags", "attributes", "subscribed_at", "seen_at")
# Together at most some megabytes, however long the texts of a file are.
_MOST_KEPT, _MOST_TEXT = 2_500, 500


class Usual:
    """Of one file; `columns` are called as `our_columns` does."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._size = len(columns)
        # A column that the file has not is read from the empty cell behind the last.
        places = {name: place for place, name in enumerate(columns)}
        self._own = itemgetter(*(places.get(name, self._size) for name in _OWN))
        # Two at least, so that it is a tuple that is got.
        others = [place for place, name in enumerate(columns) if name and name not in _OWN]
        self._others = itemgetter(self._size, self._size, *others)
        self._profiles: dict[tuple[str, ...], str] = {}
        self._tags: dict[str, str] = {"": array_of(())}

    def row_of(self, cells: list[str]) -> Row | None:
        """Answer what the full reading would; None if only that can tell."""
        if len(cells) != self._size:
            return None
        cells = [*cells, ""]
        url, p256dh, auth, external_id, tags, attributes, subscribed_at, seen_at = self._own(cells)
        profile = self._profiles.get(self._others(cells))
        if profile is None or (service := usual_service(url)) is None:
            return None
        keys = usual_keys(plain_key(p256dh), plain_key(auth))
        if keys is None:
            return None
        try:
            return write_row(
                url,
                service,
                keys,
                external_id=read_external_id(external_id),
                tags=self._tags.get(tags) or self._array_of(tags),
                attributes=object_of(attributes_of(attributes)) if attributes else "{}",
                moments=(moment_of(subscribed_at), moment_of(seen_at)),
                profile=profile,
            )
        except (ProfileRefused, Refused):
            return None

    def learn(self, cells: list[str], given: Subscription) -> None:
        """Keep what the full reading made of a row, for others with the same texts."""
        if len(cells) != self._size or len(self._profiles) >= _MOST_KEPT:
            return
        others = self._others([*cells, ""])
        if sum(map(len, others)) <= _MOST_TEXT:
            self._profiles[others] = profile_of(given)

    def _array_of(self, tags: str) -> str:
        array = array_of(tuple(tags_of(tags)))
        if len(tags) <= _MOST_TEXT and len(self._tags) < _MOST_KEPT:
            self._tags[tags] = array
        return array
