"""What delivery is about: one send of one tenant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A send that has something due."""

    tenant_id: int
    schema_name: str
    send_id: int
