"""One id from the request through the queue to the worker: for logs and the audit log."""

import logging
from typing import Any

from django.db import connection

from tenants.request_origin import current_origin, follow, new_id

# Said here, not asked of django-tenants: logging is set up before there are models.
PUBLIC = "public"


class Trail(logging.Filter):
    """Lets nothing out; it adds to each record which request or task it belongs to, and which tenant."""

    def filter(self, record: logging.LogRecord) -> bool:
        schema = getattr(connection, "schema_name", PUBLIC)
        for name, value in (
            ("request_id", current_origin().request_id),
            ("tenant", "" if schema == PUBLIC else schema),
        ):
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


def stamp(task: dict[str, Any], **signal: Any) -> None:
    """Write the request's id on a task that is queued (django-q2's pre_enqueue): its group, which it leaves alone."""
    if request_id := current_origin().request_id:
        task.setdefault("group", request_id)


def pick_up(task: dict[str, Any], **signal: Any) -> None:
    """Go on under a task's id (django-q2's pre_execute); one that the clock rang for gets an id of its own."""
    follow(str(task.get("group") or "") or new_id())
