"""Encrypt everything that is sealed with the first of FIELD_KEYS."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tenants.actions.audit import SYSTEM
from tenants.actions.rotation import rotate_keys


class Command(BaseCommand):
    help = "Encrypt every sealed column with the first of FIELD_KEYS; may be cut off, and run again."

    def handle(self, *args: Any, **options: Any) -> None:
        result = rotate_keys(actor=SYSTEM)
        first, *others = settings.FIELD_KEYS
        self.stdout.write(f"{result.changed} texts are encrypted anew with {first}.")
        if result.unreadable:
            self.stderr.write("\n".join(result.unreadable[:100]))
            raise CommandError(
                f"{len(result.unreadable)} texts could not be read and stay as they are, under {dict(result.left)}. "
                "Put the keys with which they were made into FIELD_KEYS, and run it again."
            )
        if others:
            self.stdout.write(
                f"Nothing needs {', '.join(others)} any more, but backups that were made before."
            )
