"""The kill switch: while it is engaged nothing is approved and nothing is executed."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from foundation.frozen import Frozen
from foundation.reasons import LONGEST_REASON
from guardrails.approvals.switch import KillSwitch
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices


class SwitchOver(Frozen):
    engaged: bool
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


def kill_switch_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(prefix="/v1/kill-switch", tags=["governance"])

    @router.get("", responses=answers(401, 503))
    def state(who: Caller) -> KillSwitch:
        """Whether it is engaged, by whom and why."""
        return services.approvals.kill_switch()

    @router.post("", responses=answers(401, 403, 422, 503))
    def switch_over(content: SwitchOver, who: Caller) -> KillSwitch:
        """Engage it (anybody on call) or release it (an approver). Audited."""
        return services.approvals.set_kill_switch(content.engaged, who, services.outside.text(content.reason))

    return router
