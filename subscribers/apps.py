from django.apps import AppConfig

from subscribers.audit_words import WORDS, kinds
from tenants.audit_words import register_words


class SubscribersConfig(AppConfig):
    name = "subscribers"

    def ready(self) -> None:
        models = (self.get_model(name) for name in ("Site", "Segment", "Subscriber", "Job", "Prompt"))
        register_words(WORDS, kinds(*models))
