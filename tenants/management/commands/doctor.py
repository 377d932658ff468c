"""Look for what is wrong with this installation and say what to do about it."""

from argparse import ArgumentParser
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand

from tenants.doctor import examine
from tenants.doctor_network import examine_network


class Command(BaseCommand):
    help = (
        "Look at settings, machine, database, workers and network; a line each, exit 1 if anything is wrong."
    )
    # What the checks say is one of the findings.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-network", action="store_true", help="leave out names, push services and mail"
        )

    def handle(self, *args: Any, no_network: bool = False, **options: Any) -> None:
        failed = 0
        for finding in chain(examine(), () if no_network else examine_network()):
            failed += not finding.is_well
            self.stdout.write(str(finding))
        if failed:
            raise SystemExit(1)
