"""Who somebody is today: roles come and go, so they are asked for whenever they count."""

from __future__ import annotations

from collections.abc import Callable

from foundation.errors import NotFound
from platform_core.access.principals import Environment, Principal, Role

People = Callable[[str], Principal]
"""Who a principal id is now; raises NotFound (`platform_core.access.directory.PrincipalDirectory.get`)."""


def nobody(principal_id: str) -> Principal:
    """Where there is no directory, nobody has a role."""
    raise NotFound(f"nobody is known as {principal_id!r}", hint="there is no directory of people here")


def roles_of(people: People, principal_id: str, tenant: str | None, environment: Environment) -> frozenset[Role]:
    """For that tenant there. Only people have roles: agents and services are granted things by their id. An unknown
    person has none."""
    if not principal_id.startswith("human:"):
        return frozenset()
    try:
        return people(principal_id).roles_in(tenant, environment)
    except NotFound:
        return frozenset()
