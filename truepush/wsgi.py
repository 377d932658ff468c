"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.db import connection

from truepush.checks import refuse_problems

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truepush.settings")
application = get_wsgi_application()

from tenants.actions.sdk_release import keep_installed  # noqa: E402  # models need the application
from tenants.problem_notes import keep_writing  # noqa: E402

# A web server runs no system checks by itself. The threads that serve open connections of their own.
refuse_problems()
keep_installed()
connection.close()
keep_writing()
