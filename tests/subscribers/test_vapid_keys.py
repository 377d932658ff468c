"""A website's key pair: made with it, and its private half nowhere to be read (AU-08)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import IntegrityError, transaction

from subscribers import keyring
from subscribers.keyring import seal, unseal
from subscribers.models import Site, VapidKey
from tenants.doorway import NotInTenant, in_tenant
from tests.conftest import Workspace, make_site
from tests.secret_forms import forms_of_key, rows_as_text
from truepush.lib.fieldcrypt import FieldDamaged, UnknownKey


@pytest.fixture
def field_keys(settings: Any) -> Iterator[Any]:
    """Settings whose FIELD_KEYS take effect at once and are forgotten afterwards."""
    keyring._crypt.cache_clear()
    yield settings
    keyring._crypt.cache_clear()


def key_of(place: Workspace, site: Site) -> VapidKey:
    with in_tenant(place.schema):
        return VapidKey.objects.get(site=site)


def private_of(place: Workspace, site: Site) -> bytes:
    key = key_of(place, site)
    with in_tenant(place.schema):
        return unseal(key.private_encrypted, bytes(key.public))


def test_a_website_comes_with_a_key_pair_that_belongs_together(acme: Workspace, shop: Site) -> None:
    key = key_of(acme, shop)
    pair = ec.derive_private_key(int.from_bytes(private_of(acme, shop)), ec.SECP256R1())
    public = pair.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert (bytes(key.public), len(public), key.state) == (public, 65, "current")


def test_every_website_has_its_own(acme: Workspace, globex: Workspace) -> None:
    places = [(acme, make_site(acme, origin=f"https://{n}.example")) for n in range(3)]
    places += [(globex, make_site(globex))]
    assert len({private_of(place, site) for place, site in places}) == 4


def test_a_dump_of_the_whole_database_does_not_hold_the_private_key(
    acme: Workspace, globex: Workspace
) -> None:
    """AU-08: neither raw, nor in hex, base64, base64url or PEM, in any table of any schema."""
    mine, theirs = make_site(acme), make_site(globex)
    text, tables = rows_as_text()
    assert tables > 30
    for place, site in ((acme, mine), (globex, theirs)):
        private = private_of(place, site)
        # The control: what is there is found.
        assert bytes(key_of(place, site).public).hex() in text
        for name, form in forms_of_key(private).items():
            assert form not in text, name


def test_sealing_twice_gives_two_texts(acme: Workspace) -> None:
    with in_tenant(acme.schema):
        assert seal(b"d" * 32, b"p" * 65) != seal(b"d" * 32, b"p" * 65)


def test_another_installation_key_says_which_key_is_missing(
    acme: Workspace, shop: Site, field_keys: Any
) -> None:
    """The message names the key id that is configured, and neither the text nor a key."""
    key = key_of(acme, shop)
    field_keys.FIELD_KEYS = {"k9": b"9" * 32}
    with in_tenant(acme.schema), pytest.raises(UnknownKey) as error:
        unseal(key.private_encrypted, bytes(key.public))
    assert re.fullmatch(
        rf"vapid:{acme.schema}:[0-9a-f]{{130}}: its key is not configured \(configured: k9\)",
        str(error.value),
    )


def test_another_key_under_the_same_id_says_so(acme: Workspace, shop: Site, field_keys: Any) -> None:
    key = key_of(acme, shop)
    key_id = key.private_encrypted.partition(":")[0]
    field_keys.FIELD_KEYS = {key_id: b"9" * 32}
    with (
        in_tenant(acme.schema),
        pytest.raises(FieldDamaged, match=f"not what key {key_id} encrypted for this field"),
    ):
        unseal(key.private_encrypted, bytes(key.public))


def test_an_older_key_still_opens_while_the_first_one_seals(
    acme: Workspace, shop: Site, field_keys: Any
) -> None:
    """A change of key: old and new are both accepted."""
    key, private = key_of(acme, shop), private_of(acme, shop)
    field_keys.FIELD_KEYS = {"new": b"9" * 32, **field_keys.FIELD_KEYS}
    keyring._crypt.cache_clear()
    assert private_of(acme, shop) == private
    with in_tenant(acme.schema):
        assert seal(private, bytes(key.public)).startswith("new:")


def test_a_sealed_key_does_not_open_in_another_workspace(
    acme: Workspace, globex: Workspace, shop: Site
) -> None:
    key = key_of(acme, shop)
    with in_tenant(globex.schema), pytest.raises(FieldDamaged):
        unseal(key.private_encrypted, bytes(key.public))


def test_a_sealed_key_does_not_open_beside_another_public_key(acme: Workspace, shop: Site) -> None:
    """Moved to another row, where its signatures would be refused by every push service, it fails at once."""
    key, other = key_of(acme, shop), key_of(acme, make_site(acme, origin="https://blog.example"))
    with in_tenant(acme.schema), pytest.raises(FieldDamaged):
        unseal(key.private_encrypted, bytes(other.public))


def test_sealing_needs_a_workspace(db: None) -> None:
    with pytest.raises(NotInTenant):
        seal(b"d" * 32, b"p" * 65)


def test_a_website_has_one_current_key(acme: Workspace, shop: Site) -> None:
    """The database holds it: two current keys would make `which one?` a matter of luck."""
    with in_tenant(acme.schema):
        with pytest.raises(IntegrityError), transaction.atomic():
            VapidKey.objects.create(site=shop, public=b"p" * 65, private_encrypted="k1:x")
        assert VapidKey.objects.count() == 1
