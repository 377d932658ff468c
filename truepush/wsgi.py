"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.db import connection

from tenants.pooler import refuse_pooler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truepush.settings")
application = get_wsgi_application()
# A web server runs no system checks, and this one must not be skipped. The threads that serve open their own.
refuse_pooler()
connection.close()
