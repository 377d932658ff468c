"""Import this first: it makes Django's models usable in a process that `stage` started."""

import django

django.setup()
