"""Say in detail what /readyz answers with one word."""

from typing import Any

from django.core.management.base import BaseCommand

from tenants.readiness import look


class Command(BaseCommand):
    help = "Look at the database, the migrations and the queue; exit 1 unless all is well."

    def handle(self, *args: Any, **options: Any) -> None:
        findings = look()
        for finding in findings:
            self.stdout.write(str(finding))
        if not all(finding.is_well for finding in findings):
            raise SystemExit(1)
