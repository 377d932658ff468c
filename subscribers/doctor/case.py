"""What is known of a website before it is looked at: all that a check compares with, taken from the database once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings

from subscribers.models import Site
from subscribers.stub import page_of, snippet, worker_stub


@dataclass(frozen=True)
class Case:
    """`names` are the workspace's websites by site key, `origins` by address."""

    site_key: str
    origin: str
    page: str
    worker_path: str
    worker_scope: str
    snippet: str
    stub: str
    sdk_url: str
    receipts_url: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def loader(self) -> str:
        return f"{self.sdk_url}/sdk/v1/{self.site_key}/truepush.js"

    @property
    def worker_code(self) -> str:
        return f"{self.sdk_url}/w/{self.site_key}.js"


def case_of(site: Site) -> Case:
    every = list(Site.objects.only("name", "site_key", "origin"))
    return Case(
        site_key=site.site_key,
        origin=site.origin,
        page=page_of(site),
        worker_path=site.worker_path,
        worker_scope=site.worker_scope,
        snippet=snippet(site),
        stub=worker_stub(site),
        sdk_url=settings.SDK_URL,
        receipts_url=settings.RECEIPTS_URL,
        names={one.site_key: one.name for one in every},
        origins={one.origin: one.name for one in every},
    )
