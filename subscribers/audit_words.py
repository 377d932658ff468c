"""What this app's actions and targets are called in the audit log."""

from collections.abc import Collection

from django.db.models import Model

from tenants.audit_words import Kind, named, page_of

WORDS = {
    "site.add": "added the {}",
    "site.change": "changed the {}",
    "site.rate": "changed how fast the {} sends",
    "site.restraint": "changed how much subscribers of the {} may get",
    "site.identity": "made a new secret for external IDs of the {}",
    "site.identity_shown": "looked at the secret for external IDs of the {}",
    "site.key_add": "added a key pair of another provider to the {}",
    "site.test_device": "added a test device to the {}",
    "site.check": "asked for a check of the {}",
    "prompt.add": "added the {}",
    "prompt.change": "changed the {}",
    "prompt.live": "set the {} live",
    "prompt.pause": "paused the {}",
    "prompt.order": "moved the {} in the order",
    "prompt.test": "began a test against the {}",
    "prompt.choose": "ended the test and kept the {}",
    "prompt.remove": "removed the {}",
    "subscriber.unsubscribe": "unsubscribed the {}",
    "subscriber.tags": "changed the tags of the {}",
    "subscriber.test": "changed whether the {} is a test device",
    "subscriber.erase": "erased the {}",
    "subscriber.prune": "began to remove subscribers of the {} who were not seen for long",
    "segment.save": "saved the {}",
    "segment.delete": "deleted the {}",
    "export.start": "asked for the export {}",
    "export.cancel": "cancelled the export {}",
    "export.download": "downloaded the export {}",
    "export.keys": "downloaded the key pairs of the export {}",
    "import.begin": "began the import {}",
    "import.start": "started the import {}",
    "import.cancel": "cancelled the import {}",
    "import.admit": "let in everybody of the import {}",
    "import.remove": "removed who came by the import {}",
    "prune.cancel": "stopped the removal {}",
    "workspace.retention": "changed how long recipients and events are kept",
}


def kinds(
    site: type[Model], segment: type[Model], subscriber: type[Model], job: type[Model], prompt: type[Model]
) -> dict[str, Kind]:
    """The models are given, since this is asked before Django's models are there."""
    found = job._default_manager.select_related("site")

    def jobs(ids: Collection[int]) -> dict[int, str]:
        return {
            pk: f"{pk} of {name}" for pk, name in found.filter(pk__in=ids).values_list("pk", "site__name")
        }

    return {
        "site": Kind("website", named(site), page_of("subscribers:site")),
        "segment": Kind("segment", named(segment), page_of("subscribers:segment")),
        "subscriber": Kind("subscriber", named(subscriber, "pk"), page_of("campaigns:subscriber")),
        "job": Kind("", jobs),
        "prompt": Kind("prompt", named(prompt), page_of("subscribers:prompt")),
    }
