"""FT-23: old rows in the queue do not slow the next task down. The plan is looked at, not the time."""

from django.db import connection

# What django_q.brokers.orm asks at each look.
ASKED = "SELECT * FROM django_q_ormq WHERE key = 'truepush' AND lock <= now() LIMIT 1"


def test_the_next_task_is_found_by_an_index_among_many_old_rows(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_q_ormq SET (autovacuum_enabled = false)")
        cursor.execute(
            "INSERT INTO django_q_ormq (key, payload, lock) SELECT 'old', 'x', now() FROM generate_series(1, 100000)"
        )
        cursor.execute("DELETE FROM django_q_ormq WHERE id % 2 = 0")
        cursor.execute("ANALYZE django_q_ormq")
        cursor.execute(f"EXPLAIN {ASKED}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "truepush_queue_by_key" in plan
    assert "Seq Scan" not in plan
