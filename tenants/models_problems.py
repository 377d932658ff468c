"""One problem, many customers: what the product noticed, who is concerned, what people reported; of tenants.models."""

from django.db import models
from django.db.models.functions import Now

MOST_BANNER = MOST_ANSWER = 300
MOST_REPORT = 2000
MOST_PATH = 200
# The workspaces that a row of tenants_problem concerns: those in which it was noticed since it was last solved, and
# those of which a report is attached to it; of a solved one, those that it has concerned.
CONCERNED = """
SELECT seen.tenant_id FROM public.tenants_affected seen WHERE seen.problem_id = tenants_problem.id
    AND (tenants_problem.state = 'solved' OR tenants_problem.solved_at IS NULL
        OR seen.last_at > tenants_problem.solved_at)
UNION SELECT report.tenant_id FROM public.tenants_problemreport report WHERE report.problem_id = tenants_problem.id
    AND report.state = CASE tenants_problem.state WHEN 'solved' THEN 'solved' ELSE 'attached' END
"""


class Problem(models.Model):
    """A failure or warning by its fingerprint, over all tenants. Its title holds nothing of a customer.

    Whoever was concerned since `solved_at` is concerned now: a solved problem that is seen again opens by itself.
    """

    class Kind(models.TextChoices):
        ERROR = "error", "Error of ours"
        ALERT = "alert", "Alert"
        JOB = "job", "Import, export or clean-up"
        SITE = "site", "Installation of a website"
        REPORTED = "reported", "Reported by people"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SOLVED = "solved", "Solved"

    fingerprint = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN, db_default="open")
    times = models.BigIntegerField(default=0, db_default=0)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())
    solved_at = models.DateTimeField(null=True)
    solved_note = models.CharField(max_length=MOST_ANSWER, blank=True, db_default="")
    # What consoles of those concerned show; empty is nothing.
    banner = models.CharField(max_length=MOST_BANNER, blank=True, db_default="")
    # The person's address who changed it last.
    changed_by = models.CharField(max_length=254, blank=True, db_default="")
    changed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-last_at"]
        permissions = [("answer_problem", "Can write banners, solve problems and answer reports")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open") | models.Q(banner=""), name="problem_banner_while_open"
            )
        ]

    def __str__(self) -> str:
        return self.title


class Affected(models.Model):
    """A tenant that a problem was noticed in, and the last time: where to look for more."""

    problem = models.ForeignKey(Problem, on_delete=models.CASCADE, related_name="affected", db_index=False)
    tenant_id = models.BigIntegerField()
    times = models.BigIntegerField(default=0, db_default=0)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())
    request_id = models.CharField(max_length=64, blank=True, db_default="")
    send_id = models.BigIntegerField(null=True)
    site_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["problem", "tenant_id"], name="affected_once")]
        indexes = [models.Index(fields=["tenant_id"], name="affected_tenant")]

    def __str__(self) -> str:
        return f"{self.problem} in tenant {self.tenant_id}"


class ProblemReport(models.Model):
    """What a person of a workspace told support, with the page that it was about."""

    class State(models.TextChoices):
        NEW = "new", "Waits for support"
        ATTACHED = "attached", "Being looked into"
        SOLVED = "solved", "Solved"
        CLOSED = "closed", "Answered"

    tenant_id = models.BigIntegerField()
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="+")
    problem = models.ForeignKey(Problem, on_delete=models.SET_NULL, null=True, related_name="reports")
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW, db_default="new")
    text = models.CharField(max_length=MOST_REPORT)
    # What support told the person when it was over.
    answer = models.CharField(max_length=MOST_ANSWER, blank=True, db_default="")
    request_id = models.CharField(max_length=64, blank=True, db_default="")
    path = models.CharField(max_length=MOST_PATH, blank=True, db_default="")
    send_id = models.BigIntegerField(null=True)
    browser = models.CharField(max_length=200, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["tenant_id"], name="problem_report_tenant")]

    def __str__(self) -> str:
        return f"report {self.pk}"
