"""The REST API on a workspace's host, as far as it exists."""

from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api_keys import KeyView


class OwnKey(KeyView):
    """What the key that asks is, and what it may do."""

    def get(self, request: Request) -> Response:
        key = self.key
        return Response(
            {
                "id": key.key_id,
                "name": key.name,
                "scopes": key.scopes,
                "expires_at": key.expires_at.isoformat(timespec="seconds") if key.expires_at else None,
            }
        )
