"""Roles in order."""

from tenants.models import Role

# Each role may do what the ones before it may.
RANK = {Role.ANALYST: 0, Role.EDITOR: 1, Role.SENDER: 2, Role.ADMIN: 3, Role.OWNER: 4}
