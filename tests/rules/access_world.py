"""The world in which the access table is tried: a workspace with one of everything, and a client for each person."""

import json
import re
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.utils import timezone

from campaigns.actions.campaign import launch_campaign, save_draft
from campaigns.actions.images import add_image
from campaigns.models import Campaign, Image, Send
from subscribers.actions.job import start_export
from subscribers.actions.prompt import add_prompt
from subscribers.actions.segment import save_segment
from subscribers.actions.subscription import NewSubscription, subscribe
from subscribers.models import Site
from subscribers.prompts import new_design
from subscribers.rules.rule import read
from tenants.actions.invitations import invite
from tenants.actions.keys import create_key
from tenants.doorway import in_tenant
from tenants.models import (
    Alert,
    AuditEntry,
    DueWork,
    FeatureFlag,
    KeptMail,
    Membership,
    Pace,
    Problem,
    ProblemReport,
    Role,
    SdkRelease,
    SendIndex,
    SiteIndex,
    Throttle,
    User,
    WorkerProcess,
)
from tenants.outbox import EmailBackend
from tests.campaigns.picture_files import png
from tests.conftest import PASSWORD, Workspace, make_site
from tests.rules.access_table import MEMBERS, Host, Row, Who
from tests.subscribers.import_files import begin
from tests.subscribers.samples import Browser
from tests.tenants.people import add_member, add_person, give_second_factor, verified
from truepush.lib.webpush.endpoints import parse_endpoint

HOSTS = {Host.PUBLIC: "localhost:8000", Host.TENANT: "acme.localhost:8000", Host.SDK: "sdk.localhost:8000"}
CONTENT = {"title": "Sale", "body": "Half price", "url": "https://shop.example/sale", "icon_url": ""}

RULE = {"match": "all", "rules": [{"field": "country", "op": "is", "values": ["DE"]}]}


@dataclass
class World:
    place: Workspace
    site: Site
    draft: Campaign
    send: Send
    people: dict[Who, User]
    rows_of_admin: dict[str, Any]
    subscriber_id: int
    segment_id: int
    prompt_id: int
    job_id: int
    import_id: int
    image: Image
    member_id: int
    invitation_id: int
    key_id: int
    problem_id: int

    def address(self, row: Row, pk: int | None = None) -> str:
        """Fill the row's route in; `pk` replaces the numbers of what there is."""
        names = {
            "site_key": self.site.site_key, "slug": self.place.tenant.slug, "name": self.image.file_name,
            "content_hash": "0123456789abcdef", "part": "ask", "key": "abc",
        }  # fmt: skip
        numbers = {
            "sites": self.site.pk,
            "campaigns": self.draft.pk,
            "sends": self.send.pk,
            "subscribers": self.subscriber_id,
            "segments": self.segment_id,
            "prompts": self.prompt_id,
            "exports": self.job_id,
            "imports": self.import_id,
            "images": self.image.pk,
            "inbox": 1,
            "people": self.member_id,
            "people/invitations": self.invitation_id,
            "keys": self.key_id,
            "problems": 1,
            "banners": self.problem_id,
            "admin/problems": self.problem_id,
            "admin/reports": self.rows_of_admin["report"],
            "account/sessions": 1,
            "admin/workspaces": self.place.tenant.pk,
            "admin/sends": self.rows_of_admin["sendindex"],
            "account/second-factor/passkeys": 1,
        }

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            if name == "pk":
                return str(pk or numbers[re.split(r"/<", row.route)[0]])
            if name == "object_id":
                return str(self.rows_of_admin[row.route.split("/")[2]])
            return names[name]

        return "/" + re.sub(r"<\w+:(\w+)>", fill, row.at or row.route)

    def client(self, who: Who, host: Host) -> Client:
        """Make a client with a session that is good for the host, if its person could have one there."""
        client = Client(headers={"host": HOSTS[host]})
        if who != Who.ANONYMOUS:
            client.force_login(self.people[who])
            if host == Host.TENANT:
                session = client.session
                session["tenant_id"] = self.place.tenant.pk
                session.save()
        return client

    def ask(self, client: Client, row: Row, *, pk: int | None = None) -> Any:
        given = {"headers": dict(row.headers), **self._body(row.body)}
        return getattr(client, row.method.lower())(self.address(row, pk), **given)

    def _body(self, name: str) -> dict[str, Any]:
        """Write the named body so that the request succeeds for whom it is allowed."""
        as_json = {
            "subscription": Browser().json(),
            "guess": {"endpoint": "https://x.test", "subscriber": "0" * 40},
        }
        if name in as_json:
            return {"data": json.dumps(as_json[name]), "content_type": "application/json"}
        if name == "receipts":
            return {"data": '{"receipts": []}', "content_type": "text/plain"}
        if name == "steps":
            step = {"prompt": self.prompt_id, "version": 1, "step": "shown", "n": 1}
            return {"data": json.dumps({"page": "/", "steps": [step]}), "content_type": "text/plain"}
        forms: dict[str, dict[str, Any]] = {
            "": {},
            "content": {**CONTENT, "site": self.site.pk},
            "site": {"name": "New", "origin": "https://new.example", "worker_path": "/truepush/worker.js"},
            "prompt": {
                "name": "Ask",
                "kind": "box",
                "language": "en",
                "title": "News?",
                "allow": "Yes",
                "later": "No",
                "delay": "0",
                "scroll": "0",
                "pages": "1",
                "visits": "1",
                "again": "3",
            },
            "segment": {"site": self.site.pk, "name": "Germans", "rule": json.dumps(RULE)},
            "export": {"site": self.site.pk, "format": "csv", "segment": ""},
            "import": {"site": self.site.pk, "kind": "profiles"},
            "prune": {"days": "365"},
            "retention": {"recipients": "30", "events": ""},
            "invitation": {"email": "new@acme.test", "role": "analyst", "where": "all"},
            "key": {"name": "Shop", "scopes": "campaigns:read", "days": "30", "per_minute": "60"},
            "access": {"role": "analyst", "where": "all"},
            "report": {"text": "The picture was missing"},
            "reason": {"why": "A customer asked us to."},
            "person": {"external_id": "nobody-has-it"},
            "challenge": {"challenge": "a" * 64},
            "sign-in": {"login": self.people[Who.OWNER].email, "password": PASSWORD},
            "reset": {"email": self.people[Who.OWNER].email},
            "password": {
                "oldpassword": PASSWORD,
                "password1": "a new one of fifteen",
                "password2": "a new one of fifteen",
            },
            "confirm": {"password": PASSWORD},
            "sign-up": {"workspace": "New", "email": "new@new.test", "password1": PASSWORD},
        }
        return {"data": forms[name]} if forms[name] else {}


def make_world(acme: Workspace, globex: Workspace) -> World:
    people = {who: verified(add_member(acme, Role(who.value))) for who in MEMBERS if who != Who.OWNER}
    people |= {Who.OWNER: verified(acme.owner), Who.STRANGER: globex.owner}
    people[Who.STAFF] = add_person("support@truepush.test", is_staff=True, is_superuser=True)
    give_second_factor(people[Who.STAFF])
    site = make_site(acme)
    with in_tenant(acme.schema):
        browser = Browser()
        endpoint = parse_endpoint(browser.endpoint)
        subscriber_id, _ = subscribe(
            site_id=site.pk, new=NewSubscription(endpoint, browser.p256dh, browser.auth)
        )
        given: dict[str, Any] = {"actor": acme.owner, "tenant": acme.tenant}
        draft, sent = (save_draft(**given, site=site, content=CONTENT) for _ in range(2))
        send = launch_campaign(**given, campaign=sent, ttl=86400)
        work = DueWork.objects.get(tenant_id=acme.tenant.pk, send_id=send.pk)
        segment = save_segment(**given, site=site, name="Buyers", rule=read(RULE))
        prompt = add_prompt(**given, site=site, name="Ask", design=new_design("box"))
        job = start_export(**given, site=site, file_format="csv")
        brought = begin(acme, site)
        image = add_image(**given, kind="icon", brought=png())
    rows: dict[str, Any] = {
        "tenant": acme.tenant.pk,
        "user": acme.owner.pk,
        "siteindex": SiteIndex.objects.get(site_key=site.site_key).pk,
        "sendindex": SendIndex.objects.get(tenant_id=acme.tenant.pk, send_id=send.pk).pk,
        "duework": work.pk,
        "auditentry": AuditEntry.objects.latest("pk").pk,
        "workerprocess": WorkerProcess.objects.create(host="h", pid=1, role="clock", version="1").pk,
        "alert": Alert.objects.create(kind="runaway", text="Look.").pk,
        "pace": Pace.objects.create(key="tenant:0", tenant_id=0, per_minute=60).pk,
        "throttle": Throttle.objects.create(lane="o:x", kind="origin", origin="x", per_second=1, normal=1).pk,
        "featureflag": FeatureFlag.objects.create(name="own-encoder").pk,
        "sdkrelease": SdkRelease.objects.create(version="0.0.1", files={}, digest="0").pk,
    }
    invited = invite(actor=acme.owner, tenant=acme.tenant, email="asked@acme.test", role="editor")
    key, _ = create_key(
        actor=acme.owner,
        tenant=acme.tenant,
        name="Shop",
        scopes=["campaigns:read"],
        per_minute=60,
        expires_at=None,
    )
    member_id = Membership.objects.get(tenant=acme.tenant, user=people[Who.EDITOR]).pk
    EmailBackend().send_messages([EmailMessage("Hello", "text", to=["x@x.test"])])
    rows["keptmail"] = KeptMail.objects.get().pk
    # One that has a banner, so that it concerns the workspace by a report of somebody who is not asked here.
    problem = Problem.objects.create(
        fingerprint="0", kind="error", title="KeyError", banner="We mend it.", changed_at=timezone.now()
    )
    reporter = add_person("reporter@acme.test")
    told = ProblemReport.objects.create(
        tenant_id=acme.tenant.pk, user=reporter, problem=problem, state="attached", text="It broke."
    )
    rows["report"] = told.pk
    User.objects.update(last_login=timezone.now())
    return World(
        acme, site, draft, send, people, rows, subscriber_id, segment.pk, prompt.pk, job.pk, brought.pk, image,
        member_id, invited.pk, key.pk, problem.pk,
    )  # fmt: skip


def state(*, without: tuple[str, ...] = ("django_session",)) -> dict[str, tuple[int, int]]:
    """Count the rows of every table of every schema and add their hashes up: equal means that nothing changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND (n.nspname = 'public' OR n.nspname LIKE 't\\_%%') AND c.relname <> ALL(%s)",
            [list(without)],
        )
        tables = cursor.fetchall()
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{schema}.{table}', count(*), coalesce(sum(hashtext(t::text)::bigint), 0)"
                f' FROM "{schema}"."{table}" t'
                for schema, table in tables
            )
        )
        return {name: (number, int(total)) for name, number, total in cursor.fetchall()}
