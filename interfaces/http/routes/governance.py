"""The audit log's head, the tools there are, and redaction as a service."""

from __future__ import annotations

from typing import Annotated

from audit.checkpoint import TreeHead
from fastapi import APIRouter, Depends
from pydantic import Field

from foundation.frozen import Frozen
from interfaces.http.access import principal_from
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices, ToolDescription
from platform_core.access.principals import Principal


class Text(Frozen):
    text: str = Field(max_length=200_000)


def governance_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["governance"])
    Who = Annotated[Principal, Depends(principal_from(services.principals))]  # noqa: N806 - a type

    @router.get("/audit/head", responses=answers(401, 503))
    def audit_head(who: Who) -> TreeHead:
        """Size and Merkle root of the log: keep it, and no entry up to here can be changed unseen."""
        return services.audit.head()

    @router.get("/tools", responses=answers(401))
    def tools(who: Who) -> list[ToolDescription]:
        """What the copilot can look at."""
        return services.tools()

    @router.post("/redact", responses=answers(401, 413, 422))
    def redact(content: Text, who: Who) -> Text:
        """The text without personal data and secrets."""
        return Text(text=services.redactor.redact(content.text))

    return router
