"""Where commands take a passphrase from: a file or the environment. Anybody can read what is on a command line."""

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings

from tenants.backup import BackupFailed


def add_passphrase(parser: ArgumentParser) -> None:
    said = "its first line is the passphrase; without it, BUNDLE_PASSPHRASE is"
    parser.add_argument("--passphrase-file", type=Path, help=said)


def read_passphrase(file: Path | None) -> str:
    """Answer what there is, nothing included; raises BackupFailed."""
    if file is None:
        return settings.BUNDLE_PASSPHRASE
    try:
        return file.read_text().partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise BackupFailed(f"{file} cannot be read.") from error
