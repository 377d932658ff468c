"""What of a bundle has to be made anew where it is put: people, seals, pictures."""

import hashlib
import re
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.validators import validate_email
from django.db import connection
from psycopg import sql

from tenants.actions.rotation import columns, rows_in_order
from tenants.backup import BackupFailed
from tenants.bundle import PICTURES, Bundle
from tenants.bundle_rows import tenant_models
from tenants.doorway import current_schema
from tenants.models import Membership, Role, Tenant, User
from truepush.lib import base64url
from truepush.lib.fieldcrypt import FieldCrypt
from truepush.lib.pictures import MOST_OCTETS, TYPES

_PICTURE = re.compile(rf"([0-9a-f]{{32}})\.({'|'.join(TYPES)})")


def proven_people(people: Sequence[Mapping[str, Any]], *, is_ours: bool) -> dict[str, User]:
    """Answer who has an account here, by e-mail address; raises BackupFailed if not all can become members.

    An account counts only if its address was verified, or if it is the very one of the bundle: else whoever signed up
    with somebody else's address would come in.
    """
    known = {user.email: user for user in User.objects.filter(email__in=[one["email"] for one in people])}
    proven = {
        email: user
        for email, user in known.items()
        if user.email_verified_at
        or (is_ours and any((one["id"], one["email"]) == (user.pk, email) for one in people))
    }
    if doubted := sorted(
        one["email"] for one in people if one["role"] and one["email"] in known.keys() - proven
    ):
        raise BackupFailed(
            f"These have an account here, and never showed that the address is theirs: {', '.join(doubted)}. "
            "Have them follow the link that they were mailed (the account offers another), or remove these accounts."
        )
    for one in people:
        if one["role"] and str(one["role"]) not in Role.values:
            raise BackupFailed(f"{one['role']!r} in the bundle is no role.")
        try:
            validate_email(one["email"])
        except ValidationError as error:
            raise BackupFailed(f"{one['email']!r:.80} in the bundle is no e-mail address.") from error
    return proven


def add_people(tenant: Tenant, people: Sequence[Mapping[str, Any]], *, is_ours: bool) -> dict[int, int]:
    """Make everybody with a role a member, by e-mail address; answer who each is here.

    Who has no account gets one without a password. Of another installation's people only members are somebody here: its
    rows could name anybody as who has done something.
    """
    proven = proven_people(people, is_ours=is_ours)
    here: dict[int, int] = {}
    for one in people:
        user = proven.get(one["email"]) if one["role"] or is_ours else None
        if one["role"]:
            user = user or User.objects.create_user(one["email"], None, name=one["name"])
            rights = {name: one[name] for name in ("role", "by_mail", "site_ids")}
            Membership.objects.create(tenant=tenant, user=user, **rights)
        if user:
            here[one["id"]] = user.pk
    return here


def link_makers(people: Mapping[int, int]) -> None:
    """Have what somebody made be theirs here, and nobody's where they are not known. Call inside the tenant."""
    schema = current_schema()
    for model in tenant_models():
        if any(field.name == "created_by" for field in model._meta.fields):
            statement = sql.SQL(
                "UPDATE {} SET created_by = (SELECT here FROM unnest(%s::bigint[], %s::bigint[])"
                " AS known (there, here) WHERE there = created_by) WHERE created_by IS NOT NULL"
            ).format(sql.Identifier(schema, model._meta.db_table))
            with connection.cursor() as cursor:
                cursor.execute(statement, [list(people), list(people.values())])


def seal_again(given: Sequence[Sequence[Any]]) -> None:
    """Encrypt the bundle's secrets with our FIELD_KEYS. Call inside the tenant; raises BackupFailed."""
    crypt = FieldCrypt(settings.FIELD_KEYS)
    secrets = {(model, pk, name): base64url.decode(secret) for model, pk, name, secret in given}
    for column in (column for column in columns() if column.is_of_tenant):
        for row in rows_in_order(column.model_class):
            texts = {}
            for name in column.texts(row):
                if (column.model, row.pk, name) not in secrets:
                    raise BackupFailed(f"The bundle lacks what is sealed in {column.model} {row.pk}.")
                secret = secrets[column.model, row.pk, name]
                texts[name] = crypt.encrypt(secret, context=column.context(row))
            if texts:
                same = column.model_class._default_manager.filter(pk=row.pk)
                same.update(**{column.field: column.replaced(row, texts)})


def put_pictures(bundle: Bundle, schema: str) -> None:
    """Put them where the workspace's lie. Their names are of their content, so one that is there is not looked at."""
    with bundle.opened(PICTURES) as file, tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            name, source = _PICTURE.fullmatch(member.name), archive.extractfile(member)
            if name is None or source is None or member.size > MOST_OCTETS:
                raise BackupFailed(f"{member.name[:60]!r} in the bundle is no picture of ours.")
            octets = source.read()
            if hashlib.sha256(octets).digest()[:16].hex() != name[1]:
                raise BackupFailed(f"The picture {member.name} is not what its name says.")
            _put(f"{schema}/{member.name}", octets)


def _put(path: str, octets: bytes) -> None:
    storage = storages["images"]
    if storage.exists(path):
        # A run that was killed leaves a part of one.
        if storage.size(path) == len(octets):
            return
        storage.delete(path)
    storage.save(path, ContentFile(octets))
