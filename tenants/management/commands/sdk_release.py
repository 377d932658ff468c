"""Which SDK websites get: list what is kept, start a release for a share of them, call one back."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tenants.actions.sdk_release import (
    SHARES,
    ReleaseRefused,
    call_back_release,
    keep_release,
    start_release,
)
from tenants.models import SdkRelease
from tenants.sdk_rings import installed, state_of

CALLED_BACK = (
    "Websites get {then} again: the loader once its five minutes in caches are over, the worker at the next page view, "
    "else when the browser looks by itself, once a day."
)


class Command(BaseCommand):
    help = "Releases of the SDK: list, keep what is installed, start one for 1, 10 or 100 %, call one back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step")
        steps.add_parser("list", help="what is kept, and who gets it (what happens without a step)")
        steps.add_parser("keep", help="keep what is installed; web servers do it when they start")
        start = steps.add_parser("start", help="give a release to a share of all websites")
        start.add_argument("version")
        start.add_argument("percent", type=int, choices=SHARES)
        back = steps.add_parser("call-back", help="return to the release before")
        back.add_argument("version", nargs="?", default="", help="the newest started, if left out")

    def handle(self, *args: Any, step: str | None = None, **options: Any) -> None:
        try:
            if step == "keep":
                kept = keep_release(actor=None)
                self.stdout.write(f"{installed().version} is kept{'' if kept else ' already'}.")
            elif step == "start":
                start_release(actor=None, version=options["version"], percent=options["percent"])
                self.stdout.write(f"{options['version']} goes to {options['percent']} % of websites.")
            elif step == "call-back":
                then = call_back_release(actor=None, version=options["version"])
                self.stdout.write(CALLED_BACK.format(then=then))
            else:
                self._list()
        except ReleaseRefused as refusal:
            raise CommandError(str(refusal)) from refusal

    def _list(self) -> None:
        here = installed().version
        self.stdout.write(f"Installed: {here}. Rings are {'on' if settings.SDK_RINGS else 'off'}.")
        for release in SdkRelease.objects.defer("files"):
            self.stdout.write(
                f"{release.version}  {state_of(release)}, kept {release.kept_at:%Y-%m-%d %H:%M}"
            )
