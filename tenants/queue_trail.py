"""Tasks carry the id of the request that queued them (tenants.trail), and those that fail are noted as problems."""

from django_q.conf import error_reporter
from django_q.signals import post_execute_in_worker, post_spawn, pre_enqueue, pre_execute

from tenants.problem_notes import FailedTasks, begin_task, keep_writing, write_failed_task
from tenants.trail import pick_up, stamp


def connect() -> None:
    pre_enqueue.connect(stamp, dispatch_uid="trail")
    pre_execute.connect(pick_up, dispatch_uid="trail")
    pre_execute.connect(begin_task, dispatch_uid="problems")
    post_execute_in_worker.connect(write_failed_task, dispatch_uid="problems")
    post_spawn.connect(keep_writing, dispatch_uid="problems")
    # Signals have a failed task's error as text alone, in which a message can pass for a traceback.
    error_reporter.targets.append(FailedTasks())
