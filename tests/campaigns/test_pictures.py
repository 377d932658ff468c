"""Pictures: what is taken, what is refused, what is served, to whom (checklist UP-01 to UP-06, TI-09)."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import storages
from django.test import Client
from PIL import Image as Pillow

from campaigns import images_sdk
from campaigns.actions import images
from campaigns.actions.campaign import save_draft
from campaigns.actions.images import add_image
from campaigns.models import Image
from subscribers.models import Site
from tenants.doorway import in_tenant
from tests.campaigns.picture_files import bomb, halves, photo, png, with_place, written
from tests.campaigns.places import CONTENT
from tests.conftest import Workspace, make_site
from truepush.lib.pictures import MOST_OCTETS, SIZES, Crop, PictureRefused, rewrite

RED, BLUE = (220, 20, 20), (20, 20, 220)


def opened(octets: bytes) -> Pillow.Image:
    return Pillow.open(io.BytesIO(octets)).convert("RGB")


def is_near(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(have - want) < 40 for have, want in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_each_kind_is_cut_to_what_browsers_show(kind: str, name: str) -> None:
    made = rewrite(written(photo().convert("P") if name == "GIF" else photo(), name), kind)
    assert (made.width, made.height) == SIZES[kind] == opened(made.octets).size


def test_a_picture_that_is_small_stays_so_and_keeps_its_shape() -> None:
    made = rewrite(png(100, 100), "image")
    assert (made.width, made.height) == (100, 50)


def test_the_part_that_was_chosen_is_what_is_shown() -> None:
    both = written(halves(RED, BLUE), "PNG")
    left = opened(rewrite(both, "icon", Crop(0.0, 0.0, 0.5, 1.0)).octets)
    right = opened(rewrite(both, "icon", Crop(0.5, 0.0, 0.5, 1.0)).octets)
    middle = opened(rewrite(both, "icon").octets)
    assert is_near(left.getpixel((96, 96)), RED)
    assert is_near(right.getpixel((96, 96)), BLUE)
    assert is_near(middle.getpixel((20, 96)), RED)
    assert is_near(middle.getpixel((170, 96)), BLUE)


def test_the_smallest_of_the_ways_is_taken() -> None:
    assert rewrite(png(192, 192), "icon").extension in ("png", "webp")
    busy = rewrite(written(photo(), "PNG"), "image")
    assert busy.extension in ("jpg", "webp")
    assert len(busy.octets) < len(written(photo(720, 360), "PNG")) / 4


def test_what_is_transparent_stays_so() -> None:
    made = rewrite(png(192, 192, (10, 200, 10, 0), "RGBA"), "badge")
    assert Pillow.open(io.BytesIO(made.octets)).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_up04_metadata_goes_and_what_it_says_of_up_and_down_is_done() -> None:
    """The left half is red; turned by a quarter to the right it is on top."""
    brought = with_place(halves(RED, BLUE, 400, 400))
    assert b"SECRET" in brought
    made = rewrite(brought, "icon")
    shown = Pillow.open(io.BytesIO(made.octets))
    assert (len(shown.getexif()), b"SECRET" in made.octets, b"Exif" in made.octets) == (0, False, False)
    assert is_near(shown.convert("RGB").getpixel((96, 20)), RED)
    assert is_near(shown.convert("RGB").getpixel((96, 170)), BLUE)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("brought", "said"),
    [
        (b"", "This is no JPEG, PNG, WebP or GIF picture."),
        (SVG, "This is no JPEG, PNG, WebP or GIF picture."),
        (b"<?php echo 1; ?>", "This is no JPEG, PNG, WebP or GIF picture."),
        (b"<html><body><img></html>", "This is no JPEG, PNG, WebP or GIF picture."),
        (written(Pillow.new("RGB", (9, 9)), "BMP"), "This is no JPEG, PNG, WebP or GIF picture."),
        (written(Pillow.new("RGB", (9, 9)), "TIFF"), "This is no JPEG, PNG, WebP or GIF picture."),
        (bomb(), "more than 40,000,000 pixels"),
        (bomb(20_000, 10), "20,000 x 10 pixels"),
        (bomb(100, 100), "damaged or not complete"),
        (png()[:300], "damaged or not complete"),
        (written(photo(), "JPEG")[:20_000], "damaged or not complete"),
        (written(photo(), "WEBP")[:900], "damaged or not complete|no JPEG"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 5000, "damaged|no JPEG"),
        (bytes(MOST_OCTETS + 1), "at most 10,485,760 are taken"),
    ],
)
def test_up01_up03_what_is_no_picture_is_refused_in_words(brought: bytes, said: str) -> None:
    with pytest.raises(PictureRefused, match=said):
        rewrite(brought, "icon")


def test_up01_what_lies_behind_the_picture_does_not_come_along() -> None:
    made = rewrite(png() + b"<script>alert('POLYGLOT')</script>", "icon")
    assert b"POLYGLOT" not in made.octets


# --- Through the console


@pytest.fixture
def site(acme: Workspace) -> Site:
    return make_site(acme)


@pytest.fixture
def client(console: Callable[..., Client], acme: Workspace) -> Client:
    return console(acme)


def bring(client: Client, octets: bytes, query: str = "kind=icon&name=shop.php") -> Any:
    return client.post(f"/images/new/?{query}", octets, content_type="application/octet-stream")


def sdk(path: str) -> Any:
    return Client(headers={"host": "sdk.localhost:8000"}).get(path)


def test_one_that_is_brought_is_served_for_ever_with_one_type(
    client: Client, acme: Workspace, site: Site
) -> None:
    said = bring(client, written(photo(), "PNG"), "kind=image&name=shop.php&crop=0.1,0.1,0.5,0.5").json()
    assert (said["width"], said["height"], said["name"]) == (720, 360, "shop.php")
    assert said["octets"] < said["original_octets"] / 4
    path = said["url"].removeprefix(django_settings.SDK_URL)
    assert re.fullmatch(rf"/i/{site.site_key}/[0-9a-f]{{32}}\.(jpg|webp)", path)
    answer = sdk(path)
    assert opened(answer.content).size == (720, 360)
    assert answer["Content-Type"] in ("image/jpeg", "image/webp")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert [one["id"] for one in client.get("/images/?kind=image").json()["images"]] == [said["id"]]
    assert client.get("/images/?kind=icon").json() == {"images": []}


def test_the_same_picture_is_kept_once(client: Client, acme: Workspace, site: Site) -> None:
    first, second = (bring(client, png()).json() for _ in range(2))
    assert first == second
    with in_tenant(acme.schema):
        assert Image.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        (SVG, "kind=icon", "This is no JPEG"), (png(), "kind=poster", "Say what it is for: icon, badge, image."),
        (png(), "kind=icon&crop=0,0,2,1", "0,0,2,1 is no part of the picture."),
        (png(), "kind=icon&crop=nan,0,1,1", "nan,0,1,1 is no part of the picture."),
        (png(), "kind=icon&crop=0,0,1", "0,0,1 is no part of the picture."),
        (bytes(MOST_OCTETS + 1), "kind=icon", "at most 10,485,760 are taken"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_kept(
    client: Client, acme: Workspace, site: Site, wrong: tuple[bytes, str, str]
) -> None:
    octets, query, said = wrong
    answer = bring(client, octets, query)
    assert (answer.status_code, said in answer.json()["error"]) == (400, True)
    with in_tenant(acme.schema):
        assert Image.objects.count() == 0


def test_up06_a_workspace_has_its_room_and_no_more(
    client: Client, site: Site, console: Callable[..., Client], globex: Workspace, settings: Any
) -> None:
    settings.IMAGE_MOST_MB = 0
    answer = bring(client, png())
    assert (answer.status_code, "of 0 MB" in answer.json()["error"]) == (413, True)
    settings.IMAGE_MOST_MB = 1
    make_site(globex)
    assert bring(console(globex), png()).status_code == 200


def test_ti09_nobody_elses_picture_is_reached_by_any_path(
    client: Client, acme: Workspace, site: Site, globex: Workspace
) -> None:
    other = make_site(globex)
    name = bring(client, png()).json()["url"].rpartition("/")[2]
    assert sdk(f"/i/{site.site_key}/{name}").status_code == 200
    for path in (
        f"/i/{other.site_key}/{name}", f"/i/nobody/{name}", f"/i/{other.site_key}/..%2f{acme.schema}%2f{name}",
        f"/i/{other.site_key}/../{acme.schema}/{name}", f"/i/{site.site_key}/{name}x",
        f"/i/{site.site_key}/{name[:-4]}",
        f"/i/{site.site_key}/{'0' * 32}.png",
    ):  # fmt: skip
        assert sdk(path).status_code == 404, path
    assert client.get(f"/i/{site.site_key}/{name}").status_code == 404  # not on the console's host


def test_one_is_removed_unless_a_draft_shows_it(
    client: Client, acme: Workspace, site: Site, django_capture_on_commit_callbacks: Any
) -> None:
    said = bring(client, png()).json()
    path, remove = said["url"].removeprefix(django_settings.SDK_URL), f"/images/{said['id']}/remove/"
    with in_tenant(acme.schema):
        draft = save_draft(
            actor=acme.owner, tenant=acme.tenant, site=site, content={**CONTENT, "icon_url": said["url"]}
        )
        where = f"{acme.schema}/{Image.objects.get().file_name}"
    answer = client.post(remove)
    assert (answer.status_code, answer.json()["error"]) == (
        400, f"It is shown by “{CONTENT['title']}”. Choose another picture there, then remove it.",
    )  # fmt: skip
    with in_tenant(acme.schema):
        draft.delete()
    file = Path(storages["images"].path(where))
    assert file.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(remove).json() == {}
    assert not file.exists()
    images_sdk.forget_all()  # a process has a copy for a minute
    assert sdk(path).status_code == 404


def test_files_are_readable_to_us_alone(acme: Workspace, site: Site) -> None:
    with in_tenant(acme.schema):
        image = add_image(actor=acme.owner, tenant=acme.tenant, kind="icon", brought=png(colour=(1, 2, 3)))
        path = Path(storages["images"].path(f"{acme.schema}/{image.file_name}"))
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_body_that_is_larger_is_not_even_read(client: Client, acme: Workspace, site: Site) -> None:
    answer = bring(client, bytes(MOST_OCTETS + 2))
    assert (answer.status_code, answer.content) == (413, b"The request is too large.\n")
    assert client.post("/campaigns/new/", {"title": "x" * 300_000}).status_code == 413


def test_a_million_browsers_that_ask_cost_one_reading(
    client: Client, acme: Workspace, site: Site, django_assert_num_queries: Any
) -> None:
    images_sdk.forget_all()
    path = bring(client, png(colour=(7, 8, 9))).json()["url"].removeprefix(django_settings.SDK_URL)
    first = sdk(path)
    with django_assert_num_queries(0):
        assert [sdk(path).content for _ in range(3)] == [first.content] * 3


def test_only_a_few_are_taken_in_at_once(client: Client, acme: Workspace, site: Site) -> None:
    """Each may take 160 MB and seconds: whoever comes third is told to come again, and the places are given back."""
    with images._place(), images._place():
        answer = bring(client, png())
        assert (answer.status_code, "Try again in a few seconds." in answer.json()["error"]) == (400, True)
    assert bring(client, png()).status_code == 200
