"""Bring every tenant's schema up to date, touching only those that are behind."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.actions.migrate import migrate_tenants

MOST_JOBS = 16


class Command(BaseCommand):
    help = "Migrate the tenant schemas that are behind; go on after a failure and say which failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        said = "how many at a time, each on a connection of its own: for migrations that rewrite large tables"
        parser.add_argument(
            "--jobs", type=int, default=1, choices=range(1, MOST_JOBS + 1), metavar="N", help=said
        )

    def handle(self, *args: Any, jobs: int, **options: Any) -> None:
        report = migrate_tenants(actor=None, jobs=jobs)
        self.stdout.write(
            f"{report.total} workspaces: {report.migrated} migrated, {len(report.failed)} failed, "
            f"{report.total - report.migrated - len(report.failed)} were up to date."
        )
        for slug, reason in report.failed.items():
            self.stderr.write(f"{slug}: {reason}")
        if report.failed:
            raise CommandError("Mend the cause and run migrate_tenants again: it goes on where it stopped.")
