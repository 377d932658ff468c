"""Fill a workspace with plausible subscribers, to try the console and to measure it at the size of a large customer."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.actions.fill import fill_audience
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Add a website with so many made-up subscribers, their tags, events and past messages, to a workspace."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("workspace", help="the workspace's address, as in acme.example.com: acme")
        parser.add_argument("--subscribers", type=int, default=1_000_000)

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["workspace"]).first()
        if tenant is None:
            raise CommandError(
                f"There is no workspace {options['workspace']!r}. See its address in the console."
            )
        size = options["subscribers"]
        if not 1 <= size <= 10_000_000:
            raise CommandError(f"{size:,} subscribers cannot be made; ask for 1 to 10,000,000.")
        for said in fill_audience(actor=None, tenant=tenant, size=size):
            self.stdout.write(said)
