"""A bundle: one workspace in a folder, signed, that can be put into this installation again or into another one.

    manifest.json   what it is, with size and SHA-256 of every file, in the clear
    signature       of the manifest, Ed25519, by the BUNDLE_KEY of the installation that made it
    workspace       names, people, private keys, and which columns the rows have; JSON
    pictures        tar
    <table>.rows    what COPY wrote, a file for each table

All but the first two are packed by gzip and sealed with the passphrase. No SQL is in it: its tables are made by our own
migrations, so who signs one can fill a workspace with anything and do nothing else.
"""

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings

from tenants.backup import BackupFailed, describe
from tenants.restore import check_version
from truepush.lib import base64url
from truepush.lib.sealed_file import SealedReader, SealedWriter, WrongPassphrase, derive_key
from truepush.lib.signing_key import is_signed, public_of, sign

FORMAT = 1
MANIFEST, SIGNATURE, WORKSPACE, PICTURES = "manifest.json", "signature", "workspace", "pictures"
LEAST_PASSPHRASE = 12
_DOMAIN = b"truepush bundle\n"
_PIECE = 1 << 18


@dataclass
class Bundle:
    """One that was found whole, signed by somebody who is accepted, and opened."""

    folder: Path
    manifest: dict[str, Any]
    key: bytes

    @property
    def is_ours(self) -> bool:
        return bool(settings.BUNDLE_KEY) and self.manifest["signer"] == public_of(settings.BUNDLE_KEY)

    @cached_property
    def workspace(self) -> dict[str, Any]:
        with self.opened(WORKSPACE) as file:
            return dict(json.load(file))

    @contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """Read a file as it was written; raises BackupFailed, at its end at the latest, if it is not that."""
        try:
            with (self.folder / name).open("rb") as source:
                reader = SealedReader(source, self.key, name)
                yield io.BufferedReader(gzip.GzipFile(fileobj=cast("IO[bytes]", reader), mode="rb"), _PIECE)
                reader.finish()
        # What another key makes of a file is no gzip either.
        except (WrongPassphrase, gzip.BadGzipFile, EOFError) as error:
            raise BackupFailed("The passphrase does not open this bundle. Nothing was changed.") from error


def check_passphrase(passphrase: str) -> None:
    if len(passphrase) < LEAST_PASSPHRASE:
        raise BackupFailed(
            f"Give a passphrase of at least {LEAST_PASSPHRASE} characters: --passphrase-file, or BUNDLE_PASSPHRASE."
        )


@contextmanager
def sealed(path: Path, key: bytes) -> Iterator[IO[bytes]]:
    """Write a file of a bundle."""
    with path.open("xb") as target:
        writer = SealedWriter(target, key, path.name)
        packed = gzip.GzipFile(filename="", fileobj=writer, mode="wb", compresslevel=1, mtime=0)
        with io.BufferedWriter(packed, _PIECE) as file:
            yield file
        writer.close()


def write_signed(folder: Path, manifest: dict[str, Any]) -> None:
    """Write manifest and signature; the files that it names are there."""
    text = json.dumps({**manifest, "signer": public_of(settings.BUNDLE_KEY)}, indent=2) + "\n"
    (folder / MANIFEST).write_text(text)
    signature = sign(settings.BUNDLE_KEY, _DOMAIN + text.encode())
    (folder / SIGNATURE).write_text(base64url.encode(signature) + "\n")


def read_bundle(folder: Path, *, passphrase: str, signer: str) -> Bundle:
    """Find it whole, signed by this installation or the `signer` that is named, and opened; raises BackupFailed."""
    check_passphrase(passphrase)
    # 1. Every octet is what was signed, by whom the operator knows.
    manifest = _signed_manifest(folder, signer)
    there = {path.name for path in folder.iterdir()} - {MANIFEST, SIGNATURE}
    for name in sorted(there | set(manifest["files"])):
        if (
            name not in there
            or not (folder / name).is_file()
            or manifest["files"].get(name) != describe(folder / name)
        ):
            raise BackupFailed(f"{folder / name} is missing or not what was signed. Take another copy.")
    # 2. We know its tables.
    check_version(manifest)
    # 3. The passphrase is right.
    bundle = Bundle(folder, manifest, derive_key(passphrase, base64url.decode(manifest["salt"])))
    _ = bundle.workspace
    return bundle


def _signed_manifest(folder: Path, accepted: str) -> dict[str, Any]:
    try:
        text = (folder / MANIFEST).read_bytes()
        written = (folder / SIGNATURE).read_bytes()
        signature = base64url.decode(written.removesuffix(b"\n"))
        manifest: dict[str, Any] = json.loads(text)
        signer = str(manifest["signer"])
    except OSError as error:
        raise BackupFailed(f"{folder} is no whole bundle: {error.filename} cannot be read.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BackupFailed(f"{folder} is no bundle, or was changed. Take another copy.") from error
    is_whole = written == f"{base64url.encode(signature)}\n".encode()
    if not is_whole or not is_signed(signer, signature, _DOMAIN + text):
        raise BackupFailed(f"The signature of {folder} is wrong: it was changed. Take another copy.")
    ours = public_of(settings.BUNDLE_KEY) if settings.BUNDLE_KEY else ""
    if signer not in (ours, accepted.lower()):
        raise BackupFailed(
            f"This bundle was signed by {signer}, not by this installation"
            f" ({ours or 'which has no BUNDLE_KEY'}). If that is what the other one said when it made it, "
            f"give --signer {signer}"
        )
    if manifest["format"] != FORMAT:
        raise BackupFailed(f"{folder} has format {manifest['format']}; this version reads {FORMAT}.")
    return manifest
