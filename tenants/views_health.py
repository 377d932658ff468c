"""What load balancers and monitoring ask, without a session and on any host. Details are `manage.py ready`'s."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenants.readiness import OF_WEB, QUEUE, Readiness

_readiness = Readiness()


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is looked at."""
    return _plain("ok", 200)


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """The installation works: database, migrations, and a queue that moves."""
    return _verdict((*OF_WEB, QUEUE))


@require_safe
@never_cache
def readyz_web(request: HttpRequest) -> HttpResponse:
    """This web server works; workers that stand still are no reason to take it out."""
    return _verdict(OF_WEB)


def _verdict(subjects: tuple[str, ...]) -> HttpResponse:
    return _plain("ok", 200) if _readiness.is_ready(subjects) else _plain("not ready", 503)


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", content_type="text/plain", status=status)
