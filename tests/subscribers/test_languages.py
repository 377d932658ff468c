"""Language tags have one spelling, whatever a browser writes."""

import pytest

from subscribers.languages import canonical


@pytest.mark.parametrize(
    ("given", "spelt"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-at", "de-AT"),
        ("EN-us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sl-ROZAJ", "sl-rozaj"),
        ("es-419", "es-419"),
        ("de-1996", "de-1996"),
        ("", ""),
    ],
)
def test_a_tag_is_spelt_as_the_standard_recommends(given: str, spelt: str) -> None:
    assert canonical(given) == spelt
