"""Restore a backup into an empty database, and hold what was under way when it was made."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from campaigns.actions.after_restore import hold_all
from tenants.actions.audit import SYSTEM
from tenants.actions.keys import hold_keys
from tenants.actions.migrate import migrate_tenants
from tenants.actions.sessions import end_everybodys_sessions
from tenants.backup import BackupFailed
from tenants.restore import finish, read_manifest, restore
from truepush.lib.pg_programs import ProgramMissing


class Command(BaseCommand):
    help = "Restore what `manage.py backup` made; no campaign goes out until a person says so."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            manifest = read_manifest(folder)
            restore(folder, manifest)
        except (BackupFailed, ProgramMissing) as error:
            raise CommandError(str(error)) from error
        # The backup may be of an older version of the program.
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
        failed = migrate_tenants(actor=SYSTEM).failed
        if failed:
            raise CommandError(
                f"Workspaces that could not be migrated: {failed}. Mend the cause and run it again."
            )
        held = hold_all(made_at=manifest["made_at"])
        keys = hold_keys(actor=SYSTEM, made_at=manifest["made_at"])
        end_everybodys_sessions()
        finish()
        self.stdout.write(
            f"Restored the backup of {manifest['made_at']} (version {manifest['version']}). "
            f"Campaigns that wait for a person: {held}. Now start the processes.\n"
            f"API keys that are refused until somebody of their workspace lets them in: {keys}."
        )
