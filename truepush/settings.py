"""Every setting of Truepush, read from the environment once, failing loudly at start (see .env.example)."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from truepush.lib.log_lines import LOG_FORMATS, logging_settings
from truepush.lib.webpush.contact import ContactRefused, check_contact
from truepush.lib.webpush.encryption import MAX_PLAINTEXT
from truepush.setting_readers import read_keys, read_origin, read_secret
from truepush.settings_sign_in import *  # noqa: F403

# Lets admin classes name their model as a type parameter, as the stubs have it.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(os.environ.get("TRUEPUSH_ENV_FILE", BASE_DIR / ".env"))


# --- Identity and secrets
SECRET_KEY: str = env.str("SECRET_KEY")
DEBUG: bool = env.bool("DEBUG", default=False)
FIELD_KEYS = read_keys(env, "FIELD_KEYS")
RECEIPT_KEYS = {int(key_id): secret for key_id, secret in read_keys(env, "RECEIPT_KEYS").items()}
# Signs the bundles of single workspaces (`manage.py backup_tenant`), whose secrets a passphrase seals.
BUNDLE_KEY = read_secret(env.str("BUNDLE_KEY", default=""), name="BUNDLE_KEY")
BUNDLE_PASSPHRASE: str = env.str("BUNDLE_PASSPHRASE", default="")

# --- Addresses: the console is on <tenant>.BASE_DOMAIN, the SDK on a host of its own without cookies
BASE_URL = read_origin(env, "BASE_URL", "http://localhost:8000")
SDK_URL = read_origin(env, "SDK_URL", "http://sdk.localhost:8000")
# Where browsers report to, if `manage.py receipts` serves that apart; empty is SDK_URL.
RECEIPTS_URL = read_origin(env, "RECEIPTS_URL", "") if env.str("RECEIPTS_URL", default="") else ""
BASE_DOMAIN = urlsplit(BASE_URL).hostname or ""
SDK_HOST = urlsplit(SDK_URL).hostname or ""
IS_HTTPS = BASE_URL.startswith("https://")
ALLOWED_HOSTS = [BASE_DOMAIN, f".{BASE_DOMAIN}", SDK_HOST]

# --- Demonstration: the sandbox push service is refused outside of it (see truepush.checks)
DEMO: bool = env.bool("DEMO", default=False)
SANDBOX_ORIGIN: str = env.str("SANDBOX_ORIGIN", default="")
SANDBOX_CA: str = env.str("SANDBOX_CA", default="")
DEMO_SHOP_URL: str = env.str("DEMO_SHOP_URL", default="")

# --- Sending
try:
    VAPID_CONTACT = check_contact(env.str("VAPID_CONTACT"))
except ContactRefused as error:
    raise ImproperlyConfigured(f"VAPID_CONTACT: {error}") from error
PUSH_ENCODER: str = env.str("PUSH_ENCODER", default="truepush")
if PUSH_ENCODER not in ("truepush", "pywebpush"):
    raise ImproperlyConfigured(f"PUSH_ENCODER is {PUSH_ENCODER!r}; give truepush or pywebpush.")
# Messages are padded to so many octets, so that their length tells nobody which one it is; 0 pads none.
PUSH_PAD_TO: int = env.int("PUSH_PAD_TO", default=0)
if not 0 <= PUSH_PAD_TO <= MAX_PLAINTEXT:
    raise ImproperlyConfigured(f"PUSH_PAD_TO is {PUSH_PAD_TO}; give 0 to {MAX_PLAINTEXT} octets.")
if PUSH_PAD_TO and PUSH_ENCODER == "pywebpush":
    raise ImproperlyConfigured("PUSH_PAD_TO needs PUSH_ENCODER=truepush: pywebpush cannot pad.")
# Warn in the composer of what Firefox on Android does not take.
FIREFOX_ANDROID: bool = env.bool("FIREFOX_ANDROID", default=True)
PUSH_CONCURRENCY: int = env.int("PUSH_CONCURRENCY", default=100)
PUSH_LEASE_SECONDS: float = env.float("PUSH_LEASE_SECONDS", default=20.0)
PUSH_ATTEMPT_SECONDS: float = env.float("PUSH_ATTEMPT_SECONDS", default=15.0)
PUSH_DRAIN_SECONDS: float = env.float("PUSH_DRAIN_SECONDS", default=45.0)
PUSH_RETRY_BASE_SECONDS: float = env.float("PUSH_RETRY_BASE_SECONDS", default=2.0)
PUSH_BREAKER_SECONDS: float = env.float("PUSH_BREAKER_SECONDS", default=10.0)
PUSH_PROBE_SECONDS: float = env.float("PUSH_PROBE_SECONDS", default=5.0)
PUSH_TTL_SECONDS: int = env.int("PUSH_TTL_SECONDS", default=86400)
RETENTION_DAYS: int = env.int("RETENTION_DAYS", default=90)
RECEIPT_RAW_DAYS: int = env.int("RECEIPT_RAW_DAYS", default=7)
EVENT_DAYS: int = env.int("EVENT_DAYS", default=400)
AUDIT_DAYS: int = env.int("AUDIT_DAYS", default=730)
if AUDIT_DAYS < 30:
    raise ImproperlyConfigured(f"AUDIT_DAYS is {AUDIT_DAYS}; the audit log keeps at least 30 days.")

# --- New subscriptions of one website that a web process takes in a minute; more is a flood.
SUBSCRIBE_PER_MINUTE: int = env.int("SUBSCRIBE_PER_MINUTE", default=3000)
if SUBSCRIBE_PER_MINUTE < 1:
    raise ImproperlyConfigured(
        f"SUBSCRIBE_PER_MINUTE is {SUBSCRIBE_PER_MINUTE}: nobody could subscribe. Give 1 or more."
    )

# --- The SDK: without rings the version that is installed goes to every website at once.
SDK_RINGS: bool = env.bool("SDK_RINGS", default=False)

# --- Visitors: what is kept of their addresses, and a file (MaxMind's form) that knows regions and cities
ANONYMISE: bool = env.bool("ANONYMISE", default=True)
GEO_FILE: str = env.str("GEO_FILE", default="")
if GEO_FILE and not Path(GEO_FILE).is_file():
    raise ImproperlyConfigured(
        f"GEO_FILE is {GEO_FILE!r}, and there is no such file. Give the path of an .mmdb file."
    )
RUNAWAY_SECONDS: float = env.float("RUNAWAY_SECONDS", default=900.0)
# For so long a campaign that is sent at once can be called back.
SEND_UNDO_SECONDS: float = env.float("SEND_UNDO_SECONDS", default=10.0)
BATCH_SIZE: int = env.int("BATCH_SIZE", default=5000)
GRANT_SIZE: int = env.int("GRANT_SIZE", default=1000)

# --- Applications: each is in exactly one of the two lists (truepush.checks says so)
SHARED_APPS = [
    # Before django_tenants, whose templates of the admin want a tenant on every host and have styles in the page.
    "truepush.apps.StaffConfig",
    "django_tenants",
    "tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "django_htmx",
    "csp",
    "django_q",
    "truepush.apps.TruepushConfig",
]
TENANT_APPS = ["subscribers", "campaigns"]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
AUTH_USER_MODEL = "tenants.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    # The three that set headers come first, so that static files and refusals of the host carry them too.
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenants.middleware.RequestOriginMiddleware",
    "tenants.middleware.HostMiddleware",
    "tenants.middleware.RequestLogMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.middleware.TenantSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "truepush.urls_tenant"
PUBLIC_SCHEMA_URLCONF = "truepush.urls_public"
SDK_URLCONF = "truepush.urls_sdk"
WSGI_APPLICATION = "truepush.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.context.console",
            ],
        },
    }
]

# --- Database: one connection per thread, the schema is set by tenants.doorway.in_tenant only
DATABASES = {"default": env.db("DATABASE_URL", engine="django_tenants.postgresql_backend")}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# A pooler between us and PostgreSQL drops this start-up option; truepush.checks refuses to work behind one.
DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c truepush.direct=on"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]

# --- Workers: design section 4; truepush.checks holds retry > timeout x (queue_limit/workers + 1)
Q_WORKERS: int = env.int("Q_WORKERS", default=2)
Q_CLUSTER: dict[str, Any] = {
    "name": "truepush",
    "orm": "default",
    "workers": Q_WORKERS,
    "queue_limit": Q_WORKERS,
    "bulk": 1,
    "timeout": 90,
    "retry": 200,
    "max_attempts": 5,
    "catch_up": False,
    "save_limit": -1,
    "poll": 0.2,
    "scheduler": False,
    "label": "Task queue",
    "log_level": "WARNING",
    # No package brings one of this name: it has django-q2 make the list of reporters, to which queue_trail adds ours.
    "error_reporter": {"problems": {}},
}
WATCHDOG_SECONDS: float = env.float("WATCHDOG_SECONDS", default=10.0)
# Upkeep and how often it is due, in seconds (tenants.chores).
CHORES = {
    "campaigns.tasks.tend": 3600,
    "campaigns.tasks.engage": 300,
    "campaigns.tasks.settle_floods": 86_400,
    "subscribers.tasks.resume_jobs": 15,
    "subscribers.tasks.fold_told": 5,
    "subscribers.tasks.forget": 86_400,
    "tenants.tasks.forget_audit": 86_400,
    "tenants.tasks.judge_flags": 10,
    "tenants.tasks.forget_invitations": 86_400,
    "tenants.tasks.forget_problems": 86_400,
    "tenants.tasks.tidy_sign_in": 3600,
    "tenants.tasks.end_views": 60,
}
# An upkeep task makes room for others after so long, and goes on behind them.
UPKEEP_SECONDS = 2.0
# Columns that are encrypted with FIELD_KEYS, by the module that seals them: `manage.py rotate_keys` walks them.
SEALED = ["tenants.sealing.SEALED", "subscribers.keyring.SEALED"]
# Queue name to processes. A delivery holds its process for up to PUSH_DRAIN_SECONDS, so what a person waits for in
# front of a page has a queue and a process of its own.
SHORT_QUEUE = "short"
QUEUES = {"truepush": Q_WORKERS, SHORT_QUEUE: 1}
# What a process of a queue does first: a delivery process says that it lives.
WARM_UP = {"truepush": "campaigns.tasks.warm_up"}

# Where exports are written and imports read; web and worker processes, on however many hosts, need the same folder.
FILES_DIR: str = env.str("FILES_DIR", default="") or str(BASE_DIR / "var" / "files")
# `manage.py doctor` says so when less is left there.
DISK_LEAST_MB: int = env.int("DISK_LEAST_MB", default=1024)

# Pictures of messages lie beside them, or in a bucket of what speaks S3 (then AWS_* settings of boto3 name the key);
# of a workspace's at most so many megabytes.
IMAGE_BUCKET: str = env.str("IMAGE_BUCKET", default="")
IMAGE_S3_ENDPOINT: str = env.str("IMAGE_S3_ENDPOINT", default="")
IMAGE_S3_REGION: str = env.str("IMAGE_S3_REGION", default="")
IMAGE_MOST_MB: int = env.int("IMAGE_MOST_MB", default=200)

# Of one file that is imported, as it lies there (packed or not).
IMPORT_MOST_MB: int = env.int("IMPORT_MOST_MB", default=2048)

# --- Sign-in: what is no choice of the operator stands in settings_sign_in.py
STAFF_NEEDS_MFA: bool = env.bool("STAFF_NEEDS_MFA", default=True)
PASSWORD_HASHERS = env.list("PASSWORD_HASHERS", default=["django.contrib.auth.hashers.PBKDF2PasswordHasher"])
# smtp+tls://user:password@host:587, or consolemail:// for an outbox that staff read.
vars().update(_MAIL := env.email_url("EMAIL_URL", default="consolemail://"))
# Where mail reaches people, a sign-up begins with one, and tells nobody which addresses have an account.
SIGN_UP_BY_MAIL = not _MAIL["EMAIL_BACKEND"].endswith("console.EmailBackend")
if not SIGN_UP_BY_MAIL:
    EMAIL_BACKEND = "tenants.outbox.EmailBackend"
DEFAULT_FROM_EMAIL: str = env.str("MAIL_FROM", default="Truepush <truepush@localhost>")
# Per process: whatever must be exact or survive is a row in PostgreSQL (design section 3).
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "KEY_FUNCTION": "django_tenants.cache.make_key",
    }
}

# --- Cookies and headers
# A cookie of such a name is taken by browsers over https and from this very host alone, not from one above or below.
_OF_HOST = "__Host-" if IS_HTTPS else ""
SESSION_COOKIE_NAME = f"{_OF_HOST}truepush_session"
# Holds the browser's secret of a hand-over (tenants.actions.handover).
ENTER_COOKIE_NAME = f"{_OF_HOST}truepush_enter"
SESSION_ENGINE = "tenants.session_store"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = f"{_OF_HOST}truepush_csrf"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31536000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_SSL_REDIRECT = IS_HTTPS
# Load balancers ask these by plain HTTP from inside.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz(/web)?$"]
# Being in browsers' preload lists is for ever, and for the owner of the domain to decide.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
BEHIND_PROXY: bool = env.bool("BEHIND_PROXY", default=False)
# How many proxies stand in front, one behind the other; each adds an address to X-Forwarded-For.
PROXIES: int = env.int("PROXIES", default=1)
if PROXIES < 1:
    raise ImproperlyConfigured(f"PROXIES is {PROXIES}; give 1 or more, or BEHIND_PROXY=false.")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"
# One console host posts a hand-over form to another, so every host of the installation is a form target.
_HOSTS = BASE_URL.replace("://", "://*."), BASE_URL
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "https:", "data:", *_HOSTS, *([DEMO_SHOP_URL] if DEMO_SHOP_URL else [])],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF, *_HOSTS],
    }
}

# --- Input limits
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
# Pages that take more: a picture (truepush.lib.pictures.MOST_OCTETS, and one octet to tell that it is too much).
LARGE_BODIES = {"/images/new/": 10 * 1024 * 1024 + 1}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "tenants.api_errors.handle",
    "UNAUTHENTICATED_USER": None,
}

# --- Language, time, static files
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_MANIFEST: bool = env.bool("STATIC_MANIFEST", default=True)
STATIC_ROOT = BASE_DIR / "var" / "static" if STATIC_MANIFEST else None
_STATIC_STORAGE = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage"
    if STATIC_MANIFEST
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)
WHITENOISE_USE_FINDERS = not STATIC_MANIFEST
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _STATIC_STORAGE},
    "images": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": IMAGE_BUCKET,
            "endpoint_url": IMAGE_S3_ENDPOINT or None,
            "region_name": IMAGE_S3_REGION or None,
            "addressing_style": "path" if IMAGE_S3_ENDPOINT else None,
            "default_acl": None,
            "querystring_auth": True,
        },
    }
    if IMAGE_BUCKET
    else {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": str(Path(FILES_DIR) / "images"),
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}

# json: an object a line, for programs; text: for people. Configured secrets are hidden in both, wherever they turn up.
LOG_FORMAT: str = env.str("LOG_FORMAT", default="json")
if LOG_FORMAT not in LOG_FORMATS:
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}; give {' or '.join(LOG_FORMATS)}.")
_SECRETS = [item.partition(":")[2] for name in ("FIELD_KEYS", "RECEIPT_KEYS") for item in env.list(name)]
_SECRETS += [SECRET_KEY, str(DATABASES["default"]["PASSWORD"]), str(vars().get("EMAIL_HOST_PASSWORD") or "")]
_SECRETS += [env.str("BUNDLE_KEY", default=""), BUNDLE_PASSPHRASE]
LOGGING = logging_settings(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"), _SECRETS)
