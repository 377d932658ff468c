"""What runs in processes of their own for tests of bundles: a workspace is made, looked at, sent from."""

HEAD = """
import hashlib, json, os, django; django.setup()
from types import SimpleNamespace
from pathlib import Path
from django.conf import settings
from django.core.files.storage import storages
from campaigns.models import Image, Message, Send
from subscribers.keyring import seal_identity, unseal, unseal_identity
from subscribers.models import Job, Segment, Site, Subscriber, VapidKey
from tenants.actions.keys import create_key
from tenants.actions.sending import resume_sending
from tenants.doorway import in_tenant
from tenants.models import ApiKey, AuditEntry, DueWork, Membership, SendIndex, SiteIndex, Tenant, User
from tests.campaigns.places import Place, add_subscribers, drain_once, launch, new_campaign, new_transport, open_place
from tests.conftest import make_site, make_workspace
from truepush.local.sandbox.subscriptions import Behaviour
sandbox = SimpleNamespace(origin=settings.SANDBOX_ORIGIN, ca=settings.SANDBOX_CA)
"""
# A workspace with two people and one who left, a browser, a picture, a job, secrets, and sends that are over, half sent
# and planned; and a workspace beside it.
WORLD = (
    HEAD
    + """
neighbour, moved = make_workspace("neighbour"), make_workspace("moved")
make_site(neighbour, origin="https://neighbour.example")
for email in ("editor@moved.test", "former@moved.test"):
    user = User.objects.create_user(email, "correct horse battery staple")
    if email.startswith("editor"):
        Membership.objects.create(tenant=moved.tenant, user=user, role="editor")
place = open_place(moved, sandbox)
key = {"name": "Shop", "scopes": ["campaigns:read"], "per_minute": 60, "expires_at": None}
create_key(actor=moved.owner, tenant=moved.tenant, **key)
add_subscribers(place, [Behaviour()])
picture = b"a picture"
digest = hashlib.sha256(picture).hexdigest()[:32]
folder = Path(settings.FILES_DIR, "images", moved.schema)
folder.mkdir(parents=True)
(folder / f"{digest}.png").write_bytes(picture)
with in_tenant(moved.schema):
    Site.objects.update(identity_encrypted=seal_identity(b"an identity secret", place.site.pk))
    Segment.objects.create(site=place.site, name="All", rule={}, created_by=moved.owner.pk)
    Segment.objects.create(site=place.site, name="More", rule={}, created_by=user.pk)
    Job.objects.create(kind="export", state="running", site=place.site, wish={})
    Image.objects.create(kind="icon", digest=digest, extension="png", width=1, height=1, octets=9, original_octets=9)
for state in ("finished", "running", "scheduled"):
    icon = f"{settings.SDK_URL}/i/{place.site.site_key}/{digest}.png"
    send = launch(place, new_campaign(place, icon_url=icon))
    with in_tenant(moved.schema):
        Send.objects.filter(pk=send.pk).update(state=state)
    SendIndex.objects.filter(tenant_id=moved.tenant.pk, send_id=send.pk).update(state=state)
    if state == "finished":
        DueWork.objects.filter(tenant_id=moved.tenant.pk, send_id=send.pk).delete()
with in_tenant(moved.schema):
    pair, subscriber = VapidKey.objects.get(), Subscriber.objects.get()
    secrets = [unseal(pair.private_encrypted, bytes(pair.public)), bytes(subscriber.auth)]
print(json.dumps({
    "tenant": moved.tenant.pk, "schema": moved.schema, "neighbour": neighbour.schema, "site_key": place.site.site_key,
    "public": bytes(pair.public).hex(), "secrets": [secret.hex() for secret in secrets],
    "endpoint": subscriber.endpoint, "picture": digest,
}))
"""
)
LOOK = (
    HEAD
    + """
tenant = Tenant.objects.get(slug="moved")
mine = {"tenant_id": tenant.pk}
index = SiteIndex.objects.get(**mine)
people = {row.user.email: row for row in Membership.objects.filter(tenant=tenant).select_related("user")}
with in_tenant(tenant.schema_name):
    pair, site, image = VapidKey.objects.get(), Site.objects.get(), Image.objects.get()
    makers = Segment.objects.order_by("name").values_list("created_by", flat=True)
    found = {
        "states": list(Send.objects.order_by("pk").values_list("state", flat=True)),
        "private": unseal(pair.private_encrypted, bytes(pair.public)).hex(),
        "identity": unseal_identity(site.identity_encrypted, site.pk).decode(),
        "endpoints": list(Subscriber.objects.values_list("endpoint", flat=True)),
        "makers": [User.objects.get(pk=pk).email if pk else None for pk in makers],
        "job": Job.objects.get().state,
        "icon": Message.objects.values_list("icon_url", flat=True).distinct().get(),
    }
print(json.dumps({
    **found,
    "tenant": [tenant.pk, tenant.schema_name, tenant.state],
    "paused": tenant.sending_paused_why[:23],
    "index": [index.site_key, index.origins, index.state, index.schema_name],
    "held": list(DueWork.objects.filter(**mine).values_list("is_held", flat=True)),
    "sends": list(SendIndex.objects.filter(**mine).order_by("pk").values_list("state", flat=True)),
    "people": {email: [row.role, row.user.has_usable_password()] for email, row in sorted(people.items())},
    "keys": ApiKey.objects.filter(tenant=tenant).count(),
    "log": list(AuditEntry.objects.filter(**mine).order_by("pk").values_list("action", flat=True)),
    "picture": storages["images"].open(f"{tenant.schema_name}/{image.file_name}").read().decode(),
}))
"""
)
# Nothing goes out by itself; then the owner lets sending go on, and sends something new.
SEND = (
    HEAD
    + """
transport = new_transport(sandbox)
tenant, owner = Tenant.objects.get(slug="moved"), User.objects.get(email="owner@moved.test")
waited = drain_once(transport)
with in_tenant(tenant.schema_name):
    site = Site.objects.get()
place = Place(SimpleNamespace(tenant=tenant, owner=owner, schema=tenant.schema_name), site, sandbox)
resume_sending(actor=owner, tenant=tenant)
send = launch(place, new_campaign(place, title="From elsewhere"))
for _ in range(3):
    drain_once(transport)
transport.close()
print(waited)
"""
)
# What is refused while it is in use; then support suspends it, since half of it was lost.
DAMAGE = (
    HEAD
    + """
import sys
from django.core.management import CommandError, call_command
from tenants.actions.support import suspend_workspace
for options in ([], ["--slug", "again"], ["--replace"]):
    try:
        call_command("restore_tenant", sys.argv[1], *options)
    except CommandError as error:
        print(error)
tenant, owner = Tenant.objects.get(slug="moved"), User.objects.get(email="owner@moved.test")
suspend_workspace(actor=owner, tenant=tenant, why="Rows were lost.")
Membership.objects.filter(tenant=tenant, user__email="editor@moved.test").delete()
with in_tenant(tenant.schema_name):
    Subscriber.objects.all().delete()
    VapidKey.objects.all().delete()
    Segment.objects.all().delete()
"""
)
