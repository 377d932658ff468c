"""Put one workspace back from a bundle; no other is touched."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from campaigns.actions.after_restore import Restored, restore_tenant
from tenants.actions.audit import SYSTEM
from tenants.actions.bundle import prepare
from tenants.addresses import console_url
from tenants.backup import BackupFailed
from tenants.bundle import read_bundle
from tenants.passphrase import add_passphrase, read_passphrase


class Command(BaseCommand):
    help = "Restore one workspace from what `manage.py backup_tenant` made, here or elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--slug", default="", help="another host than it had")
        parser.add_argument("--signer", default="", help="who else's signature is accepted: the 64 digits")
        parser.add_argument("--replace", action="store_true", help="in the place of the suspended workspace")
        add_passphrase(parser)

    def handle(self, *args: Any, folder: Path, slug: str, signer: str, replace: bool, **options: Any) -> None:
        try:
            passphrase = read_passphrase(options["passphrase_file"])
            bundle = read_bundle(folder, passphrase=passphrase, signer=signer)
            prepare(bundle, slug=slug, replace=replace)
            restored = restore_tenant(actor=SYSTEM, bundle=bundle, slug=slug, replace=replace)
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        except (DatabaseError, psycopg.Error) as error:
            said = str(error).partition("\n")[0]
            raise CommandError(f"The database refused it, and nothing was changed: {said}") from error
        self._say(restored, bundle.manifest["made_at"])

    def _say(self, restored: Restored, made_at: str) -> None:
        done, left = restored.done, restored.left
        self.stdout.write(f"Restored {done.tenant.slug} as it was at {made_at}: {console_url(done.tenant)}")
        self.stdout.write(f"Campaigns that wait for a person: {restored.held}.")
        if done.is_new:
            self.stdout.write(
                "API keys are not in a bundle: make them anew. New people set a password by mail."
            )
        if done.former:
            self.stdout.write(
                f"Who left after that stays away: {left.erased} erased and {left.unsubscribed} unsubscribed again."
            )
            self.stdout.write(
                f"What was there before is in the schema {done.former}. When nobody needs it: "
                f'DROP SCHEMA "{done.former}" CASCADE'
            )
