"""The audit log's head, the tools there are, and redaction as a service."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from agents.chat.scope import MAY_ASK
from foundation.errors import Forbidden
from foundation.frozen import Frozen
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices, ToolDescription


class AuditHead(Frozen):
    size: int
    root_hash: str


class Text(Frozen):
    text: str = Field(max_length=200_000)


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

    @router.post("/redact", responses=answers(401, 403, 413, 422))
    def redact(content: Text, who: Caller) -> Text:
        """The text without personal data and secrets. Not for viewers: whoever can ask may try a guess against the
        pseudonym on a card."""
        if not who.roles & MAY_ASK:
            raise Forbidden(f"{who.id} may not redact", hint=f"{', '.join(sorted(MAY_ASK))} may")
        return Text(text=services.redactor.redact(content.text))

    return router
