"""Who acts: people, agents and services, with their roles per tenant and environment."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from foundation.frozen import Frozen

Role = Literal["viewer", "caller", "responder", "oncall", "approver", "admin"]
"""viewer reads; caller scores, as a service that serves customers does; responder may also ask and propose; oncall and
approver may decide; admin may do both and configure."""

Environment = Literal["dev", "staging", "production"]
ENVIRONMENTS: Final[frozenset[Environment]] = frozenset({"dev", "staging", "production"})


class Grant(Frozen):
    """These roles, for these tenants (`*`: all of them), in these environments."""

    roles: frozenset[Role]
    tenants: frozenset[str]
    environments: frozenset[Environment] = ENVIRONMENTS

    def covers(self, tenant: str | None, environment: Environment) -> bool:
        """A thing that belongs to no tenant needs the grant over all of them."""
        if environment not in self.environments:
            return False
        return "*" in self.tenants or (tenant is not None and tenant in self.tenants)


class Principal(Frozen):
    """Somebody who is known. `id` carries the kind as its prefix: `human:alice`, `agent:incident`, `service:worker`.

    `roles`, `tenants` and `environments` are the first grant, and all of it for most. `grants` are further ones
    (on call for one tenant, a viewer of another): they count where tenant and environment are asked together, which is
    what `roles_in` does; what looks at `roles` and `tenants` apart sees the first grant only, so that a role of one
    tenant is never taken for another's.
    """

    id: str = Field(pattern=r"^(human|agent|service):[a-zA-Z0-9_.@-]+$")
    name: str
    roles: frozenset[Role]
    tenants: frozenset[str]
    """Tenants this principal may see and act for; `*` means all of them."""

    environments: frozenset[Environment] = ENVIRONMENTS
    grants: tuple[Grant, ...] = ()
    slack_user_id: str | None = None

    @property
    def kind(self) -> Literal["human", "agent", "service"]:
        return self.id.split(":", 1)[0]  # type: ignore[return-value]

    @property
    def all_grants(self) -> tuple[Grant, ...]:
        return (Grant(roles=self.roles, tenants=self.tenants, environments=self.environments), *self.grants)

    def may_act_for(self, tenant: str | None) -> bool:
        """Whether the grant covers `tenant`; a thing that belongs to no tenant needs the grant over all of them."""
        return "*" in self.tenants or (tenant is not None and tenant in self.tenants)

    def roles_in(self, tenant: str | None, environment: Environment) -> frozenset[Role]:
        """The roles held for `tenant` in `environment`, from every grant."""
        own = self.roles if environment in self.environments and self.may_act_for(tenant) else frozenset[Role]()
        if not self.grants:
            return own
        return own.union(*(grant.roles for grant in self.grants if grant.covers(tenant, environment)))

    def here(self, environment: Environment) -> Principal:
        """Who this is in a process of `environment`: grants of other environments do not exist there. Somebody without
        any is still known, with no role for no tenant."""
        held = [grant for grant in self.all_grants if environment in grant.environments]
        if len(held) == 1 + len(self.grants):
            return self
        first = held[0] if held else Grant(roles=frozenset(), tenants=frozenset())
        return self.model_copy(
            update={
                "roles": first.roles,
                "tenants": first.tenants,
                "environments": first.environments if held else frozenset[Environment](),
                "grants": tuple(held[1:]),
            }
        )
