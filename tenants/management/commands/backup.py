"""Back the installation up into a folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.backup import BackupFailed, back_up
from truepush.lib.pg_programs import ProgramMissing


class Command(BaseCommand):
    help = "Make a backup of database and files in a folder below the one that is given; print its name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("into", type=Path)

    def handle(self, *args: Any, into: Path, **options: Any) -> None:
        try:
            self.stdout.write(str(back_up(into)))
        except (BackupFailed, ProgramMissing) as error:
            raise CommandError(str(error)) from error
