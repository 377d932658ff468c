"""How a secret could be written where it must not be: every form that people, libraries and dumps use."""

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import connection


def forms_of(secret: bytes) -> dict[str, str]:
    """Write octets in the usual ways; the text of a secret goes in as its octets."""
    return {
        "hex": secret.hex(),
        "base64": base64.b64encode(secret).decode(),
        "base64url": base64.urlsafe_b64encode(secret).decode(),
        "base64 without padding": base64.b64encode(secret).decode().rstrip("="),
        "base64url without padding": base64.urlsafe_b64encode(secret).decode().rstrip("="),
        "bytes as text": repr(secret)[2:-1],
    }


def forms_of_key(private: bytes) -> dict[str, str]:
    """Write the private scalar of a P-256 key also as the files that hold one."""
    key = ec.derive_private_key(int.from_bytes(private), ec.SECP256R1())
    forms = {**forms_of(private), "decimal": str(int.from_bytes(private))}
    for name, layout in (("PKCS 8", PrivateFormat.PKCS8), ("SEC 1", PrivateFormat.TraditionalOpenSSL)):
        pem = key.private_bytes(Encoding.PEM, layout, NoEncryption()).decode()
        der = key.private_bytes(Encoding.DER, layout, NoEncryption())
        forms |= {
            f"{name} PEM": pem,
            f"{name} PEM's body": "".join(pem.splitlines()[1:-1]),
            f"{name} hex": der.hex(),
            f"{name} base64url": base64.urlsafe_b64encode(der).decode().rstrip("="),
        }
    return forms


def rows_as_text() -> tuple[str, int]:
    """Write every row of every table of every schema, this transaction's too; answer it with the number of tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        )
        tables = [name for (name,) in cursor.fetchall()]
        parts = []
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {table} t")
            parts += [row for (row,) in cursor.fetchall()]
    return "\n".join(parts), len(tables)
