"""Roles in order."""

from tenants.models import Membership, Role

# Each role may do what the ones before it may.
RANK = {Role.ANALYST: 0, Role.EDITOR: 1, Role.SENDER: 2, Role.ADMIN: 3, Role.OWNER: 4}


def is_at_least(membership: Membership, role: Role) -> bool:
    """Whether a member may do what this role may."""
    return RANK[Role(membership.role)] >= RANK[role]


def grantable(own: Membership) -> list[Role]:
    """The roles that somebody of this membership may give others: none above their own, the highest first."""
    return [role for role in Role if RANK[role] <= RANK[Role(own.role)]]
