"""The project as an application: it registers the system checks."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from truepush import checks


class TruepushConfig(AppConfig):
    name = "truepush"

    def ready(self) -> None:
        register(checks.check_settings)
        register(checks.check_connection, Tags.database)
