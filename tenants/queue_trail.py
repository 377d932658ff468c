"""Tasks carry the id of the request that queued them (tenants.trail)."""

from django_q.signals import pre_enqueue, pre_execute

from tenants.trail import pick_up, stamp


def connect() -> None:
    pre_enqueue.connect(stamp, dispatch_uid="trail")
    pre_execute.connect(pick_up, dispatch_uid="trail")
