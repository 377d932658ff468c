"""Somebody whose values the composer's preview shows."""

import random
from typing import Any

from django.db.models import Max

from campaigns.delivery.personal import PROFILE, as_text
from subscribers.models import Site, Subscriber
from subscribers.names import name_of


def somebody(site: Site, external_id: str) -> dict[str, Any] | None:
    """Find the newest subscriber with this external id, or, without one, somebody drawn from the website's people.

    Answers {"who", "language", "values"}: the values as a message writes them; None if there is nobody.
    """
    # As the audience's index has them; test devices have no profile to show.
    people = Subscriber.objects.filter(site=site, state=Subscriber.State.ACTIVE, is_test=False)
    if external_id:
        found = people.filter(external_id=external_id).order_by("-pk").first()
    else:
        newest = people.aggregate(newest=Max("pk"))["newest"] or 0
        place = random.randint(0, newest)  # noqa: S311  # whom a preview shows is no secret
        found = people.filter(pk__gte=place).order_by("pk").first()
    return _shown(found) if found else None


def _shown(person: Subscriber) -> dict[str, Any]:
    values = {**{name: getattr(person, name) for name in PROFILE}, **person.attributes}
    language = name_of("language", person.language) if person.language else "no language"
    where = f" in {name_of('country', person.country)}" if person.country else ""
    return {
        "who": f"Subscriber {person.external_id or person.pk}{where}, {language}.",
        "language": person.language,
        "values": {name: as_text(value) for name, value in values.items()},
    }
