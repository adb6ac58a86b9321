"""Restart the connector that fills a source."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import ConnectorSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import views_fresh
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    source: str


class RestartConnector(SpecPatchAction[Arguments, ConnectorSpec]):
    """Raises `restarts` by one; the connector starts again where it stopped and drains its backlog. Nothing is lost by
    a restart, and nothing there is to undo: the counter only counts."""

    name = "restart_connector"
    tier = "reversible"
    summary = "Restart a failed connector; it resumes at its last committed offset"
    example: ClassVar[dict[str, Any]] = {"source": "payments_br"}
    arguments = Arguments
    spec = ConnectorSpec

    def target(self, arguments: Arguments) -> str:
        return urn("connector", arguments.source)

    def fields(self, arguments: Arguments, spec: ConnectorSpec) -> dict[str, Any]:
        state = self._reader.get(self.target(arguments)).status.get("state")
        if state == "running":
            raise Conflict(f"connector {arguments.source!r} is running", hint="there is nothing to restart")
        return {"restarts": spec.restarts + 1}

    def describe(self, arguments: Arguments, spec: ConnectorSpec) -> tuple[str, str]:
        return (
            f"restart connector {arguments.source} (restart {spec.restarts + 1})",
            "the connector resumes at its committed offset, drains its backlog, and the views it feeds become fresh",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return None

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        running = PostCondition(
            tool="connector_status",
            arguments={"source": arguments.source},
            figure="up",
            operator="==",
            threshold=True,
            description=f"connector {arguments.source} is running",
        )
        return (running, *views_fresh(self.platform, arguments.source))
