"""Run the workers of this host: a django-q2 cluster for each queue, and a clock that rings for due work."""

import logging
import os
import signal
import threading
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, connections
from django_q.brokers import get_broker
from django_q.cluster import Cluster
from django_q.conf import Conf
from django_q.tasks import async_task

from tenants.pooler import refuse_pooler
from tenants.stop import ask_to_stop, die_with_parent

log = logging.getLogger(__name__)

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
POLL_SECONDS = 0.5
RING_AGAIN_SECONDS = 5.0

# Rings once for each send that is due; again only when nobody has served it for a while, so the queue stays short.
_RING = """
UPDATE tenants_duework SET rung_at = clock_timestamp()
WHERE due_at <= clock_timestamp() AND NOT is_held
  AND (rung_at IS NULL OR rung_at < due_at OR rung_at < clock_timestamp() - make_interval(secs => %s))
  AND (served_at IS NULL OR served_at < due_at OR served_at < clock_timestamp() - make_interval(secs => %s))
"""


class Command(BaseCommand):
    help = "Send what is due, until SIGTERM or Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_pooler()
        # 1. No connection may be inherited by the processes that the cluster forks.
        connections.close_all()
        os.register_at_fork(after_in_child=die_with_parent)
        clusters = [start_cluster(queue, workers) for queue, workers in settings.QUEUES.items()]
        # 2. From here on signals are asked for, not handled: setting an Event in a handler can deadlock with a wait
        #    on it. Blocked after the fork, so that the cluster's own processes keep theirs.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        self.stdout.write("Workers are running. Ctrl-C stops them.")
        while all(cluster.sentinel.is_alive() for cluster in clusters):
            ring_patiently()
            if signal.sigtimedwait(STOP_SIGNALS, POLL_SECONDS):
                # 3. Running deliveries finish what is in flight, record it and end; then the clusters do.
                stop(clusters)
                return
        stop(clusters)
        raise CommandError(
            "A task cluster ended by itself. Start the worker again; see its log for the reason."
        )


def start_cluster(queue: str, workers: int) -> Cluster:
    """Fork a cluster for one queue. django-q2 reads its size from a class attribute, at the fork."""
    Conf.WORKERS = Conf.QUEUE_LIMIT = workers
    cluster = Cluster(get_broker(queue))
    cluster.start()
    return cluster


def stop(clusters: Sequence[Cluster]) -> None:
    """Tell all to stop, then wait for each.

    The events are set in threads: after a SIGTERM to the whole process group those who waited for them are dead, and
    setting one then never returns.
    """
    ask_to_stop()
    for cluster in clusters:
        threading.Thread(target=cluster.stop_event.set, daemon=True).start()
    for cluster in clusters:
        cluster.sentinel.join()


def ring_patiently() -> None:
    """Ring for due work; a database that is away is waited for, one attempt a poll."""
    try:
        ring()
    except DatabaseError as error:
        log.warning("The clock cannot reach the database: %s", str(error).splitlines()[0])
        connection.close()


def ring() -> int:
    """Queue a delivery task if anything is due that nobody was told of; answer how many sends that were."""
    with connection.cursor() as cursor:
        cursor.execute(_RING, [RING_AGAIN_SECONDS, RING_AGAIN_SECONDS])
        due = int(cursor.rowcount)
    if due:
        async_task("campaigns.tasks.deliver")
    return due
