"""Run the workers of this host: a django-q2 cluster for each queue, a clock that rings for due work, a watchdog."""

import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, connections
from django.utils.module_loading import import_string
from django_q.brokers import get_broker
from django_q.cluster import Cluster
from django_q.conf import Conf
from django_q.signals import post_spawn
from django_q.tasks import async_task

from tenants.actions.alerts import raise_alert
from tenants.chores import ring_chores
from tenants.limits import raise_file_limit, warn_if_tight
from tenants.own_connection import ask_here
from tenants.pooler import refuse_pooler
from tenants.problem_notes import notes
from tenants.processes import Beat, farewell, forget_the_dead, host_name, sign_of_life
from tenants.restore_mark import REMEDY, is_marked
from tenants.stop import ask_to_stop, die_with_parent
from tenants.watchdog import Watchdog

log = logging.getLogger(__name__)

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
POLL_SECONDS = 0.5
# A database that is away is asked for once in so long (checklist FT-06: at most once a second).
AWAY_SECONDS = 1.0
RING_AGAIN_SECONDS = 5.0
BEAT_SECONDS = 1.0
TIDY_SECONDS = 30.0
# A cluster that ends so often is not mended by starting it again.
MOST_DEATHS, DEATHS_SECONDS = 5, 60.0

# Rings once for each send that is due; again only when nobody has served it for a while, so the queue stays short.
_RING = """
UPDATE tenants_duework SET rung_at = clock_timestamp()
WHERE due_at <= clock_timestamp() AND NOT is_held
  AND (rung_at IS NULL OR rung_at < due_at OR rung_at < clock_timestamp() - make_interval(secs => %s))
  AND (served_at IS NULL OR served_at < due_at OR served_at < clock_timestamp() - make_interval(secs => %s))
"""

# Something can be taken up right now, the queue is empty, and fewer of this host's processes are at work than it has.
_IDLE = """
SELECT EXISTS (SELECT FROM tenants_duework WHERE NOT is_held AND due_at <= clock_timestamp())
AND NOT EXISTS (SELECT FROM django_q_ormq WHERE key = %s)
AND (SELECT count(*) FROM tenants_workerprocess WHERE host = %s AND role = 'delivery'
     AND (rate > 0 OR in_flight > 0) AND seen_at > clock_timestamp() - interval '3 seconds') < %s
"""


class Command(BaseCommand):
    help = "Send what is due, until SIGTERM or Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_pooler()
        if is_marked():
            raise CommandError(f"A restore into this database is not finished. {REMEDY}")
        tight = warn_if_tight(3 * settings.PUSH_CONCURRENCY, raise_file_limit())
        if tight:
            raise_alert("file_limit", None, f"{host_name()}: {tight}")
        # 1. What holds for every process that is forked from here on.
        os.register_at_fork(after_in_child=die_with_parent)
        os.register_at_fork(after_in_child=hear_signals)
        # 2. From here on signals are asked for, not handled: setting an Event in a handler can deadlock with a wait
        #    on it. Before the first cluster, which brings a handler that would stop that cluster alone.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        clusters = Clusters()
        self.stdout.write("Workers are running. Ctrl-C stops them.")
        clock = Clock(clusters)
        try:
            while not signal.sigtimedwait(STOP_SIGNALS, POLL_SECONDS):
                clock.tick()
        finally:
            # 3. Running deliveries finish what is in flight, record it and end; then the clusters do.
            clusters.stop()
            patiently(lambda: farewell(_execute))
            patiently(lambda: forget_the_dead(_execute, _rows))


def hear_signals() -> None:
    """The parent blocks the signals that stop it; its children are to have their own way with them."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


class Clusters:
    """The task queue's processes, by queue."""

    def __init__(self) -> None:
        self._by_queue = {queue: start_cluster(queue, number) for queue, number in settings.QUEUES.items()}
        self._deaths: deque[float] = deque()

    def heal(self) -> None:
        """Start again what has ended; raises CommandError if that does not last."""
        for queue, cluster in self._by_queue.items():
            if not cluster.sentinel.is_alive():
                log.error("worker: the cluster of queue %s has ended and is started again", queue)
                self._note_death()
                self._start(queue)

    def restart(self) -> None:
        """Kill all and start anew. Whatever they held comes back when its lease has ended."""
        for cluster in self._by_queue.values():
            cluster.sentinel.kill()  # its children die with it
            cluster.sentinel.join()
        for queue in settings.QUEUES:
            self._start(queue)

    def _start(self, queue: str) -> None:
        try:
            self._by_queue[queue] = start_cluster(queue, settings.QUEUES[queue])
        except RuntimeError as error:  # its sentinel died at once; the next round tries again
            log.error("worker: %s", error)

    def _note_death(self) -> None:
        now = time.monotonic()
        self._deaths.append(now)
        while now - self._deaths[0] > DEATHS_SECONDS:
            self._deaths.popleft()
        if len(self._deaths) >= MOST_DEATHS:
            raise CommandError(
                f"A task cluster ended {MOST_DEATHS} times within a minute. Its log says why; then start the "
                "worker again."
            )

    def stop(self) -> None:
        """Tell all to stop, then wait for each.

        The events are set in threads: after a SIGTERM to the whole process group those who waited for them are dead,
        and setting one then never returns.
        """
        ask_to_stop()
        for cluster in self._by_queue.values():
            threading.Thread(target=cluster.stop_event.set, daemon=True).start()
        for cluster in self._by_queue.values():
            cluster.sentinel.join()


def start_cluster(queue: str, workers: int) -> Cluster:
    """Fork a cluster for one queue. django-q2 reads its size from a class attribute, at the fork.

    Its processes begin with what settings.WARM_UP names for the queue, before they wait for a task.
    """
    if warm_up := settings.WARM_UP.get(queue):
        post_spawn.connect(import_string(warm_up), dispatch_uid="warm_up")
    else:
        post_spawn.disconnect(dispatch_uid="warm_up")
    # No connection may be inherited by the processes that the cluster forks.
    connections.close_all()
    Conf.WORKERS = Conf.QUEUE_LIMIT = workers
    cluster = Cluster(get_broker(queue))
    cluster.start()
    return cluster


class Clock:
    """What the parent does twice a second."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters, self._watchdog = clusters, Watchdog()
        self._beaten = self._tidied = self._tries_at = 0.0

    def tick(self) -> None:
        self._clusters.heal()
        if time.monotonic() < self._tries_at:
            return
        if not patiently(self._round):
            self._tries_at = time.monotonic() + AWAY_SECONDS
            self._watchdog.rest()

    def _round(self) -> None:
        now = time.monotonic()
        ring()
        if now - self._beaten >= BEAT_SECONDS:
            self._beaten = now
            sign_of_life(_execute, Beat("clock"))
        if now - self._tidied >= TIDY_SECONDS:
            self._tidied = now
            forget_the_dead(_execute, _rows)
            ring_chores()
        notes.write(ask_here)
        if self._watchdog.barks():
            text = f"{host_name()}: work was due and nobody took it up; its task clusters were started again."
            log.error("worker: %s", text)
            raise_alert("worker_stalled", None, text)
            self._clusters.restart()
            # Bells that the killed had taken ring for nobody.
            ring_for(settings.Q_WORKERS)


def patiently(step: Callable[[], object]) -> bool:
    """Do it; False if the database is away."""
    try:
        step()
    except DatabaseError as error:
        log.warning("The clock cannot reach the database: %s", str(error).splitlines()[0])
        connection.close()
        return False
    return True


def ring() -> int:
    """Queue delivery tasks for what nobody was told of, and for processes that could help; answer how many."""
    with connection.cursor() as cursor:
        cursor.execute(_RING, [RING_AGAIN_SECONDS, RING_AGAIN_SECONDS])
        bells = min(int(cursor.rowcount), settings.Q_WORKERS)
        if not bells:
            cursor.execute(_IDLE, [Conf.PREFIX, host_name(), settings.Q_WORKERS])
            bells = int(cursor.fetchone()[0])
    ring_for(bells)
    return bells


def ring_for(processes: int) -> None:
    for _ in range(processes):
        async_task("campaigns.tasks.deliver")


def _execute(statement: str, values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _rows(statement: str, values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
