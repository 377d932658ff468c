"""What is said of a column that is encrypted with FIELD_KEYS, so that its rows can be encrypted anew."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.db.models import Model


class SealedColumn(NamedTuple):
    """`model` as apps.get_model takes it; `context` answers, in the row's own schema, what its text is bound to.

    Of a JSON column `keys` names the texts in it that are sealed.
    """

    model: str
    field: str
    context: Callable[[Any], str]
    keys: tuple[str, ...] = ()

    @property
    def model_class(self) -> type[Model]:
        return apps.get_model(self.model)

    @property
    def is_of_tenant(self) -> bool:
        return self.model_class._meta.app_config.name in settings.TENANT_APPS

    def texts(self, row: Model) -> dict[str, str]:
        """What of the row is sealed, by its name in the column's JSON, or by ""."""
        value = getattr(row, self.field)
        texts = {key: str(value.get(key) or "") for key in self.keys} if self.keys else {"": str(value)}
        return {key: text for key, text in texts.items() if text}

    def replaced(self, row: Model, texts: Mapping[str, str]) -> Any:
        """The row's value with these texts in it."""
        return {**getattr(row, self.field), **texts} if self.keys else texts[""]
