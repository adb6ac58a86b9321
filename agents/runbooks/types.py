"""A runbook as a value, and what an incident adds to one."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from foundation.frozen import Frozen


class FrontMatter(Frozen):
    """The YAML block at the head of a runbook. `worked` and `failed` count verified and unverified actions."""

    cause: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    owner: str
    worked: int = Field(default=0, ge=0)
    failed: int = Field(default=0, ge=0)
    last_incident: str | None = None


class Runbook(Frozen):
    file: str
    """Its name in the library's directory, e.g. `unit-change.md`."""

    head: FrontMatter
    body: str

    @property
    def tried(self) -> int:
        return self.head.worked + self.head.failed


class RunbookEntry(Frozen):
    """What one incident teaches. All lines are plain text."""

    cause: str
    cause_title: str
    label: str
    at: datetime
    title: str
    findings: tuple[str, ...]
    action: str
    approved_by: str
    checks: tuple[str, ...]
    undo: str | None
    worked: bool
