"""Who acts: people, agents and services, with their roles per tenant."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from foundation.frozen import Frozen

Role = Literal["viewer", "responder", "oncall", "approver", "admin"]
"""viewer reads; responder may also ask and propose; oncall and approver may decide; admin may do both and configure."""

Environment = Literal["dev", "staging", "production"]


class Principal(Frozen):
    """Somebody who is known. `id` carries the kind as its prefix: `human:alice`, `agent:incident`, `service:worker`."""

    id: str = Field(pattern=r"^(human|agent|service):[a-zA-Z0-9_.@-]+$")
    name: str
    roles: frozenset[Role]
    tenants: frozenset[str]
    """Tenants this principal may see and act for; `*` means all of them."""

    slack_user_id: str | None = None

    @property
    def kind(self) -> Literal["human", "agent", "service"]:
        return self.id.split(":", 1)[0]  # type: ignore[return-value]

    def may_act_for(self, tenant: str | None) -> bool:
        """Whether the grant covers `tenant`; a thing that belongs to no tenant needs the grant over all of them."""
        return "*" in self.tenants or (tenant is not None and tenant in self.tenants)
