"""What receipts are measured against: a plain Django view that inserts a row, in a project as `startproject` makes it.

It is served by granian with as many threads and processes as ours: with Django's own server it would be slower still.
"""

import secrets
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from truepush import settings as ours

if not settings.configured:
    database = {**ours.DATABASES["default"], "ENGINE": "django.db.backends.postgresql"}
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": database},
        SECRET_KEY=secrets.token_hex(),
        USE_TZ=True,
        INSTALLED_APPS=[
            f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages")
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
    )


application: Any = get_wsgi_application()


class Plain(models.Model):
    body = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "plain"
        db_table = "bench_plain"

    def __str__(self) -> str:
        return self.body


@csrf_exempt
def insert(request: HttpRequest) -> HttpResponse:
    Plain(body=request.body.decode()).save()
    return HttpResponse(status=204)


urlpatterns = [path("sdk/v1/receipts", insert)]
