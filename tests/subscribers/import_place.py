"""Make a workspace with an import that is to begin, of as many rows as said; prints its schema, and the job."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truepush.settings")

import django

django.setup()

from tenants.doorway import in_tenant  # noqa: E402
from tests.conftest import make_site, make_workspace  # noqa: E402
from tests.subscribers.import_files import as_csv, begin, bring, onesignal  # noqa: E402
from tests.subscribers.samples import Browser  # noqa: E402

if __name__ == "__main__":
    browser = Browser()
    rows = [
        onesignal(browser, identifier=f"https://fcm.googleapis.com/fcm/send/{n}", external_user_id=f"u{n}")
        for n in range(int(sys.argv[1]))
    ]
    place = make_workspace("moved")
    site = make_site(place)
    with in_tenant(place.schema):
        print(place.schema, bring(place, begin(place, site), as_csv(rows)).pk)
