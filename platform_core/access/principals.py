"""Who acts: people, agents and services, with their roles per tenant and environment."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from pydantic import ConfigDict, Field

from foundation.frozen import Frozen

Role = Literal["viewer", "caller", "responder", "oncall", "approver", "admin"]
"""viewer reads; caller scores, as a service that serves customers does; responder may also ask and propose; oncall and
approver may decide; admin may do both and configure."""

MAY_PROPOSE: Final[frozenset[Role]] = frozenset({"responder", "oncall", "approver", "admin"})

Environment = Literal["dev", "staging", "production"]
ENVIRONMENTS: Final[frozenset[Environment]] = frozenset({"dev", "staging", "production"})


class Grant(Frozen):
    """These roles, for these tenants (`*`: all of them), in these environments."""

    roles: frozenset[Role]
    tenants: frozenset[str]
    environments: frozenset[Environment] = ENVIRONMENTS

    def covers(self, tenant: str | None, environment: Environment | None) -> bool:
        """A thing that belongs to no tenant needs the grant over all of them. `environment` None: whichever."""
        if environment is not None and environment not in self.environments:
            return False
        return "*" in self.tenants or (tenant is not None and tenant in self.tenants)


class Principal(Frozen):
    """Somebody who is known. `id` carries the kind as its prefix: `human:alice`, `agent:incident`, `service:worker`.

    `roles`, `tenants` and `environments` are how the first grant is written, and all of it for most; `grants` are
    further ones (on call for one tenant, a viewer of another). Nobody reads the first apart: what may be done is asked
    with the tenant at hand, and the answer comes from all of them, so that a role of one tenant is never taken for
    another's. `environment`: that of the thing asked about; left out where it has none of its own, in which case it
    is the process's, whose directory knows no grants of others (`here`).
    """

    model_config = ConfigDict(serialize_by_alias=True)

    id: str = Field(pattern=r"^(human|agent|service):[a-zA-Z0-9_.@-]+$")
    name: str
    first_roles: frozenset[Role] = Field(alias="roles")
    first_tenants: frozenset[str] = Field(alias="tenants")
    """Tenants this principal may see and act for; `*` means all of them."""

    first_environments: frozenset[Environment] = Field(default=ENVIRONMENTS, alias="environments")
    grants: tuple[Grant, ...] = ()
    slack_user_id: str | None = None

    @property
    def kind(self) -> Literal["human", "agent", "service"]:
        return self.id.split(":", 1)[0]  # type: ignore[return-value]

    @property
    def all_grants(self) -> tuple[Grant, ...]:
        first = Grant(roles=self.first_roles, tenants=self.first_tenants, environments=self.first_environments)
        return (first, *self.grants)

    def may_act_for(self, tenant: str | None, environment: Environment | None = None) -> bool:
        """Whether some grant covers `tenant`, whatever its roles; a thing that belongs to no tenant needs one over all
        of them."""
        if not self.grants and environment is None:
            return "*" in self.first_tenants or (tenant is not None and tenant in self.first_tenants)
        return any(grant.covers(tenant, environment) for grant in self.all_grants)

    def roles_in(self, tenant: str | None, environment: Environment | None = None) -> frozenset[Role]:
        """The roles held for `tenant`, from every grant that covers it."""
        if not self.grants and (environment is None or environment in self.first_environments):
            return self.first_roles if self.may_act_for(tenant) else frozenset[Role]()
        held = (grant.roles for grant in self.all_grants if grant.covers(tenant, environment))
        return frozenset[Role]().union(*held)

    def tenants_with(self, roles: Collection[Role] | None = None) -> frozenset[str]:
        """Tenants for which one of `roles` is held, any of them without; `*`: all tenants."""
        grants = (g for g in self.all_grants if roles is None or not g.roles.isdisjoint(roles))
        return frozenset[str]().union(*(grant.tenants for grant in grants))

    def roles_anywhere(self) -> frozenset[Role]:
        """For what concerns no tenant's things; never to be paired with a tenant."""
        return self.first_roles.union(*(grant.roles for grant in self.grants))

    def here(self, environment: Environment) -> Principal:
        """Who this is in a process of `environment`: grants of other environments do not exist there. Somebody without
        any is still known, with no role for no tenant."""
        held = [grant for grant in self.all_grants if environment in grant.environments]
        if len(held) == 1 + len(self.grants):
            return self
        first = held[0] if held else Grant(roles=frozenset(), tenants=frozenset(), environments=frozenset())
        return self.model_copy(
            update={
                "first_roles": first.roles,
                "first_tenants": first.tenants,
                "first_environments": first.environments,
                "grants": tuple(held[1:]),
            }
        )
