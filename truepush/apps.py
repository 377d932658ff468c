"""The project as an application: it registers the system checks, and has tasks carry the id of their request."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register
from django.utils.module_loading import import_string

from truepush import checks


class TruepushConfig(AppConfig):
    name = "truepush"

    def ready(self) -> None:
        register(checks.check_settings)
        register(checks.check_connection, Tags.database)
        # By name: it needs the queue's models, which are not there yet when this module is read.
        import_string("tenants.queue_trail.connect")()


class StaffConfig(AdminConfig):
    default_site = "tenants.staff_site.StaffSite"
