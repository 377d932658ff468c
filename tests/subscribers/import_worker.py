"""A process that works on one import until it has ended, or is killed: schema name and job on the command line."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truepush.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402

from subscribers.actions.job import work_on  # noqa: E402
from tenants.doorway import in_tenant  # noqa: E402

if __name__ == "__main__":
    with in_tenant(sys.argv[1]):
        while work_on(int(sys.argv[2]), seconds=settings.UPKEEP_SECONDS):
            pass
