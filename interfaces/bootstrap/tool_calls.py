"""Audits the calls to tools that are part of no incident: in one, they are audited with the evidence they gave."""

from __future__ import annotations

from collections.abc import Callable

from audit.entry import AuditRecord
from audit.port import AuditLog
from tools.runner import ToolRun


def audited_runs(audit: AuditLog, actor: str) -> Callable[[ToolRun], None]:
    def record(run: ToolRun) -> None:
        audit.append(
            AuditRecord(
                action="tool.called",
                actor=actor,
                subject=f"tool:{run.tool}"[:400],
                payload={
                    "tool": run.tool,
                    "arguments": run.arguments,
                    "status": run.observation.status,
                    "digest": run.digest,
                    "wall_ms": run.wall_ms,
                },
            )
        )

    return record
