"""`manage.py worker` whose delivery processes die when they meet one recipient, as by a fault in a C library."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truepush.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from campaigns.delivery.compose_push import Composer  # noqa: E402

KILLER = int(os.environ["FAULT_KILLER"])
_compose = Composer.post


def dying(self: Composer, key: object, row: Any, **given: Any) -> Any:
    if row.pk == KILLER:
        os.kill(os.getpid(), signal.SIGKILL)
    return _compose(self, key, row, **given)


if __name__ == "__main__":
    Composer.post = dying  # type: ignore[method-assign]
    call_command("worker")
