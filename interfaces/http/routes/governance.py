"""The audit log's head, and the tools there are."""

from __future__ import annotations

from fastapi import APIRouter

from foundation.frozen import Frozen
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices, ToolDescription


class AuditHead(Frozen):
    size: int
    root_hash: str


def governance_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["governance"])

    @router.get("/audit/head", responses=answers(401, 503))
    def audit_head(who: Caller) -> AuditHead:
        """Size and Merkle root of the log: keep it, and no entry up to here can be changed unseen."""
        head = services.audit.head()
        return AuditHead(size=head.size, root_hash=head.root_hash)

    @router.get("/tools", responses=answers(401))
    def tools(who: Caller) -> list[ToolDescription]:
        """What the copilot can look at."""
        return services.tools()

    return router
