"""Faults at chosen points of the guarded path, and policies that differ from the built-in one in a word."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Connection

from audit.entry import AuditRecord
from audit.port import AuditLog
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy


class FaultyAudit(AuditLog):
    """Writes to `inner`, but at `action` the process dies (`Killed`) or the disk is full (`Unavailable`)."""

    def __init__(self, inner: AuditLog, action: str, fault: type[BaseException], *, after: bool = False) -> None:
        self._inner = inner
        self._action = action
        self._fault = fault
        self._after = after

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> object:
        hit = record.action == self._action
        if hit and not self._after:
            raise self._fault("fault in the test")
        entry = self._inner.append(record, connection=connection)
        if hit:
            raise self._fault("fault in the test")
        return entry


def altered_policy(tmp_path: Path, **replaced: str) -> Policy:
    """The built-in policy with these texts replaced in its file."""
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return Policy.load(path)
