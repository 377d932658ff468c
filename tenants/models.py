"""The public schema: who the customers are, who may enter, and what every worker and SDK call looks up first."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django_tenants.models import DomainMixin, TenantMixin

from tenants.models_audit import AuditEntry as AuditEntry  # noqa: PLC0414  # said to be exported
from tenants.models_flags import FeatureFlag as FeatureFlag  # noqa: PLC0414  # said to be exported
from tenants.models_flags import FlagFigure as FlagFigure  # noqa: PLC0414  # said to be exported
from tenants.models_inbox import Notice as Notice  # noqa: PLC0414  # said to be exported
from tenants.models_keys import ApiKey as ApiKey  # noqa: PLC0414  # said to be exported
from tenants.models_keys import Scope as Scope  # noqa: PLC0414  # said to be exported
from tenants.models_people import Invitation as Invitation  # noqa: PLC0414  # said to be exported
from tenants.models_people import Membership as Membership  # noqa: PLC0414  # said to be exported
from tenants.models_people import Role as Role  # noqa: PLC0414  # said to be exported
from tenants.models_problems import Affected as Affected  # noqa: PLC0414  # said to be exported
from tenants.models_problems import Problem as Problem  # noqa: PLC0414  # said to be exported
from tenants.models_problems import ProblemReport as ProblemReport  # noqa: PLC0414
from tenants.models_sdk import SdkRelease as SdkRelease  # noqa: PLC0414  # said to be exported
from tenants.models_sign_in import AttemptCount as AttemptCount  # noqa: PLC0414
from tenants.models_sign_in import Handover as Handover  # noqa: PLC0414
from tenants.models_sign_in import KeptMail as KeptMail  # noqa: PLC0414
from tenants.models_sign_in import SeenSession as SeenSession  # noqa: PLC0414
from tenants.models_support import SupportView as SupportView  # noqa: PLC0414

# A set-up takes a second; one that says nothing for this long may be asked for again.
OVERDUE = timedelta(minutes=1)


class Tenant(TenantMixin):
    """A customer company, a "workspace" in the console. Its schema is made by `actions.workspace`."""

    class State(models.TextChoices):
        CREATING = "creating", "Being set up"
        ACTIVE = "active", "Active"
        FAILED = "failed", "Set-up failed"
        SUSPENDED = "suspended", "Suspended"

    class PausedBy(models.TextChoices):
        """Who alone can let sending go on; without one an admin of the workspace can."""

        SUPPORT = "support", "Support"
        SUSPENSION = "suspension", "The suspension of the workspace"
        EVERYWHERE = "everywhere", "A stop of all workspaces"

    NO_SCHEMA = (State.CREATING, State.FAILED)

    auto_create_schema = False
    auto_drop_schema = False

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40, unique=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.CREATING)
    state_detail = models.CharField(max_length=300, blank=True)
    migration_error = models.CharField(max_length=300, blank=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    # Messages a minute over all websites; null is as fast as it goes. Its state is in `Pace`.
    rate_per_minute = models.PositiveIntegerField(null=True, blank=True)
    # Set while a guard or support has stopped all sending; the reason is shown in the console.
    sending_paused_at = models.DateTimeField(null=True, blank=True)
    sending_paused_why = models.CharField(max_length=300, blank=True, db_default="")
    sending_paused_by = models.CharField(max_length=10, choices=PausedBy.choices, blank=True, db_default="")
    # How long ledgers and receipts are kept; null is the installation's RETENTION_DAYS.
    retention_days = models.PositiveSmallIntegerField(null=True, blank=True)
    # Whether a job of its schema may be at work, or a file of one has to be removed: only these are looked at.
    has_jobs = models.BooleanField(db_default=False)
    # When a browser last said something of a subscriber that may not be in the profile yet; null when all of it is.
    told_at = models.DateTimeField(null=True, blank=True)
    # How long events of subscribers who did nothing more are kept; null is the installation's EVENT_DAYS.
    event_days = models.PositiveSmallIntegerField(null=True, blank=True)
    # Whether a second person must approve what is sent.
    needs_approval = models.BooleanField(db_default=False)
    # Whether owners come in only with a second factor.
    owners_need_mfa = models.BooleanField(db_default=False)
    # Up to when browsers' reports are in its subscribers' Engagement.
    engaged_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        permissions = [
            ("support_tenant", "Can see what runs in all workspaces, and search them"),
            ("control_tenant", "Can suspend workspaces and stop their sending"),
            ("view_as_tenant", "Can look into consoles of workspaces"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_overdue(self) -> bool:
        return self.state == self.State.CREATING and timezone.now() - self.created_at > OVERDUE

    @property
    def has_schema(self) -> bool:
        return self.state not in self.NO_SCHEMA


class Domain(DomainMixin):
    """The host name of a tenant's console."""

    def __str__(self) -> str:
        return str(self.domain)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make staff; whoever may do that on the host need not prove their address."""
        marks = {"is_staff": True, "is_superuser": True, "email_verified_at": timezone.now()}
        return self.create_user(email, password, **marks, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. What they may do in a tenant is said by their `Membership`."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    # Part of every session's hash: one more, and every session of this person on every host is dead.
    session_epoch = models.PositiveIntegerField(default=0)
    # When the person proved that mail to the address reaches them; as allauth's EmailAddress has it.
    email_verified_at = models.DateTimeField(null=True, blank=True)
    date_joined = models.DateTimeField(db_default=Now())

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ["email"]

    def __str__(self) -> str:
        return self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Extend Django's session hash by the epoch (django.contrib.auth.base_user calls this per key)."""
        value = f"{self.password}:{self.session_epoch}"
        return salted_hmac("tenants.User.session", value, secret=secret, algorithm="sha256").hexdigest()


class DueWork(models.Model):
    """One row per send that is not terminal: what a worker may look at next (design section 4, step 2).

    Rows are few (the sends in progress), so fairness among tenants is computed over them at each claim; the slices
    themselves are claimed in the tenant's own schema. `due_at` is the earliest instant at which a batch of the send
    may be claimed: its start, a retry, or the end of a lease.
    """

    class Priority(models.IntegerChoices):
        TEST = 0
        SMALL = 1
        SCHEDULED = 2
        BULK = 3

    tenant_id = models.BigIntegerField()
    schema_name = models.CharField(max_length=63)
    send_id = models.BigIntegerField()
    priority = models.SmallIntegerField(choices=Priority.choices)
    due_at = models.DateTimeField()
    served_at = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True)
    is_held = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "due work"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "send_id"], name="due_work_once")]
        indexes = [models.Index(fields=["due_at"], condition=models.Q(is_held=False), name="due_work_due")]

    def __str__(self) -> str:
        return f"send {self.send_id} of {self.schema_name}"


class SiteIndex(models.Model):
    """Where an SDK call finds its tenant; written with the site itself, in the same transaction."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        GONE = "gone", "Gone"

    site_key = models.CharField(max_length=32, unique=True)
    tenant_id = models.BigIntegerField()
    schema_name = models.CharField(max_length=63)
    site_id = models.BigIntegerField()
    name = models.CharField(max_length=80)
    origins = ArrayField(models.CharField(max_length=255))
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        verbose_name = "website"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "site_id"], name="site_index_once")]

    def __str__(self) -> str:
        return self.name


class SendIndex(models.Model):
    """Every send of every tenant with its figures, so that staff pages visit no schema."""

    tenant_id = models.BigIntegerField()
    schema_name = models.CharField(max_length=63)
    send_id = models.BigIntegerField()
    site_id = models.BigIntegerField()
    kind = models.CharField(max_length=10)
    state = models.CharField(max_length=10)
    audience = models.IntegerField(default=0)
    accepted = models.IntegerField(default=0)
    gone = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    expired = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    cancelled = models.IntegerField(default=0)
    displayed = models.IntegerField(default=0)
    clicked = models.IntegerField(default=0)
    due_at = models.DateTimeField()
    launched_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = "send"
        constraints = [models.UniqueConstraint(fields=["tenant_id", "send_id"], name="send_index_once")]
        indexes = [models.Index(fields=["state"], name="send_index_state")]

    def __str__(self) -> str:
        return f"send {self.send_id} of {self.schema_name}"


class Pace(models.Model):
    """A rate that a person has set for a tenant, a website or a send, shared by all workers.

    `next_at` is when the next message may leave: taking n messages moves it by n / rate (a generic cell rate
    algorithm), so the rate is exact with any number of workers and nothing is rounded.
    """

    key = models.CharField(max_length=60, unique=True)
    tenant_id = models.BigIntegerField()
    per_minute = models.FloatField()
    next_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(per_minute__gt=0), name="pace_is_positive")]

    def __str__(self) -> str:
        return self.key


class Throttle(models.Model):
    """A lane that push services slowed down or that does not answer; without a row a lane is free.

    A lane is an origin ("o:https://host"), or an origin for one VAPID key ("k:tenant:key:https://host"): one site's
    trouble is not another's. `per_second` holds for all workers together, by `next_at` as in Pace.
    """

    class Kind(models.TextChoices):
        ORIGIN = "origin", "The push service fails"
        KEY = "key", "The push service asks this website to slow down"

    lane = models.CharField(max_length=320, unique=True)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    origin = models.CharField(max_length=255)
    tenant_id = models.BigIntegerField(null=True)
    vapid_key_id = models.BigIntegerField(null=True)
    per_second = models.FloatField()
    # What it was before, at which it is free again; and the rate above which it grows slowly, where one was found.
    normal = models.FloatField()
    ceiling = models.FloatField(null=True)
    next_at = models.DateTimeField(db_default=Now())
    seen = models.IntegerField(default=0)
    bad = models.IntegerField(default=0)
    judged_at = models.DateTimeField(db_default=Now())
    since = models.DateTimeField(db_default=Now())
    worse_at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["lane"]

    def __str__(self) -> str:
        return self.lane


class WorkerProcess(models.Model):
    """A process of `manage.py worker` and its last sign of life; one that ended well has no row."""

    class Role(models.TextChoices):
        CLOCK = "clock", "Clock and watchdog"
        DELIVERY = "delivery", "Delivery"

    host = models.CharField(max_length=120)
    pid = models.IntegerField()
    role = models.CharField(max_length=10, choices=Role.choices)
    version = models.CharField(max_length=40)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    # Messages resolved per second, since the sign of life before.
    rate = models.FloatField(default=0)
    in_flight = models.IntegerField(default=0)
    connections = models.IntegerField(default=0)
    open_files = models.IntegerField(default=0)
    most_files = models.IntegerField(default=0)
    memory_mb = models.FloatField(default=0)
    is_stopping = models.BooleanField(default=False)

    class Meta:
        ordering = ["host", "pid"]
        verbose_name_plural = "worker processes"
        constraints = [models.UniqueConstraint(fields=["host", "pid"], name="worker_process_once")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Alert(models.Model):
    """Something that staff should look at; one open row per kind and tenant, counted when it comes again."""

    kind = models.CharField(max_length=40)
    tenant_id = models.BigIntegerField(null=True)
    text = models.CharField(max_length=500)
    times = models.IntegerField(default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "tenant_id"], condition=models.Q(closed_at__isnull=True), nulls_distinct=False,
                name="alert_open_once",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} of {self.tenant_id or 'the installation'}"


class Chore(models.Model):
    """Upkeep that is due now and then; whichever host's clock claims it rings for it."""

    name = models.CharField(max_length=80, unique=True)
    due_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
