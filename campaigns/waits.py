"""Why a send that is not finished does not go at full speed, in words."""

from django.db.models import Q

from campaigns.delivery.looks import looked_at
from campaigns.models import Send
from tenants.models import Pace, Tenant, Throttle

SERVICES = {
    "fcm.googleapis.com": "Google's",
    "jmt17.google.com": "Google's",
    "updates.push.services.mozilla.com": "Mozilla's",
    "web.push.apple.com": "Apple's",
}
ENDED = (Send.State.FINISHED, Send.State.CANCELLED)


def why_it_waits(send: Send, tenant: Tenant) -> list[str]:
    """Say what holds a send up: its tenant's pause, a rate that a person set, a push service that is in trouble."""
    if send.canary.get("state") == "stop":
        return [f"Stopped before the rest got it: {send.canary['said']}"]
    if send.state in ENDED or send.state == Send.State.PAUSED:
        return []
    if tenant.sending_paused_at:
        return ["All sending of this workspace is paused."]
    return [*_canary(send), *_test(send), *_paces(send, tenant), *_lanes(send, tenant)]


def _canary(send: Send) -> list[str]:
    canary = send.canary
    if canary.get("state") != "out":
        return [canary["said"]] if canary.get("said") else []
    few = f"{canary['number']:,}" if canary.get("number") else f"{canary['percent']:g} %"
    if at := looked_at(canary):
        return [f"{few} got it first and are looked at after {at:%H:%M} UTC; the rest waits."]
    return [f"It goes to {few} first; the rest waits."]


def _test(send: Send) -> list[str]:
    ab = send.ab
    if ab.get("state") != "out":
        return [ab["said"]] if ab.get("said") else []
    if at := looked_at(ab):
        when = f"{at:%-d %b, %H:%M} UTC"
        return [f"{ab['first']:g} % got a version each; the winner goes to the rest after {when}."]
    return [f"Its versions go to {ab['first']:g} % first; the winner then goes to the rest."]


def _paces(send: Send, tenant: Tenant) -> list[str]:
    words = {
        f"tenant:{tenant.pk}": "the workspace's limit",
        f"site:{tenant.pk}:{send.site_id}": "the website's limit",
        f"send:{tenant.pk}:{send.pk}": "this campaign's speed",
    }
    rates = Pace.objects.filter(key__in=words).order_by("per_minute")[:1]
    return [f"It goes at {rate.per_minute:,.0f} messages a minute: {words[rate.key]}." for rate in rates]


def _lanes(send: Send, tenant: Tenant) -> list[str]:
    mine = Q(kind=Throttle.Kind.KEY, tenant_id=tenant.pk) & Q(
        vapid_key_id__in=list(send.site.vapid_keys.values_list("pk", flat=True))
    )
    lanes = Throttle.objects.filter(mine | Q(kind=Throttle.Kind.ORIGIN))
    return [_lane(lane) for lane in lanes]


def _lane(lane: Throttle) -> str:
    since = f"{lane.since:%H:%M} UTC"
    who = _service(lane.origin)
    if lane.kind == Throttle.Kind.KEY:
        rate = max(1, round(lane.per_second * 60))
        return (
            f"{who} push service has asked this website to slow down. Since {since} about {rate:,} messages a minute "
            "go to it; that rises by itself when it takes more."
        )
    return (
        f"{who} push service has not answered properly since {since}. It is tried again every few seconds; "
        "nothing is lost."
    )


def _service(origin: str) -> str:
    host = origin.removeprefix("https://").partition(":")[0]
    if host.endswith(".notify.windows.com"):
        return "Microsoft's"
    return SERVICES.get(host, "The sandbox's" if host == "localhost" else f"{host}'s")
