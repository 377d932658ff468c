"""How browsers show a notification, as far as that can be said: docs/previews.md has the same table, with its sources.

Lengths are characters of Latin text at usual sizes; systems cut by width, so all of it is an estimate.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Platform:
    """What one browser on one system shows; `title` and `body` in characters, `buttons` at most."""

    name: str
    label: str
    title: int
    body: int
    has_image: bool
    buttons: int
    icon: str
    has_button_icons: bool
    note: str


PLATFORMS = (
    Platform("chrome-windows", "Chrome on Windows", 70, 150, True, 2, "left", True, "Edge shows the same."),
    Platform(
        "chrome-macos", "Chrome on macOS", 36, 76, False, 2, "right", False,
        "Buttons are behind “Options” until it is pointed at."
    ),
    Platform(
        "chrome-android", "Chrome on Android", 42, 50, True, 2, "right", False,
        "Closed; opened it shows the image, the buttons and about 450 characters.",
    ),
    Platform("firefox", "Firefox", 60, 120, False, 0, "left", False, "On Android it takes shorter messages only."),
    Platform(
        "safari-macos", "Safari on macOS", 36, 76, False, 0, "none", False,
        "It shows the website's own icon, never the message's."
    ),
    Platform(
        "safari-ios", "Safari on iPhone", 34, 110, False, 0, "none", False,
        "Only for websites that were added to the home screen, whose icon it shows.",
    ),
)  # fmt: skip


def as_table() -> list[dict[str, Any]]:
    """For the page's script."""
    return [asdict(platform) for platform in PLATFORMS]
