"""Who somebody is today: roles come and go, so they are asked for whenever they count."""

from __future__ import annotations

from collections.abc import Callable

from foundation.errors import NotFound
from platform_core.access.principals import Principal, Role

People = Callable[[str], Principal]
"""Who a principal id is now; raises NotFound (`platform_core.access.directory.PrincipalDirectory.get`)."""


def nobody(principal_id: str) -> Principal:
    """Where there is no directory, nobody has a role."""
    raise NotFound(f"nobody is known as {principal_id!r}", hint="there is no directory of people here")


def roles_of(people: People, principal_id: str) -> frozenset[Role]:
    """Only people have roles: agents and services are granted things by their id. An unknown person has none."""
    if not principal_id.startswith("human:"):
        return frozenset()
    try:
        return people(principal_id).roles
    except NotFound:
        return frozenset()
