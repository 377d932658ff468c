"""Write one workspace into a bundle, from which it can be restored here or elsewhere."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tenants.actions.audit import SYSTEM
from tenants.actions.bundle import back_up_tenant
from tenants.backup import BackupFailed
from tenants.models import Tenant
from tenants.passphrase import add_passphrase, read_passphrase
from truepush.lib.signing_key import public_of


class Command(BaseCommand):
    help = "Make a signed bundle of one workspace in a folder below the one that is given; print its name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the first part of the workspace's host")
        parser.add_argument("into", type=Path)
        add_passphrase(parser)

    def handle(self, *args: Any, slug: str, into: Path, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no workspace {slug}.")
        try:
            passphrase = read_passphrase(options["passphrase_file"])
            made = back_up_tenant(actor=SYSTEM, tenant=tenant, into=into, passphrase=passphrase)
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(made))
        self.stderr.write(f"Signed by {public_of(settings.BUNDLE_KEY)}")
