"""A health report: what was checked, what came of it, and what could not be checked."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, computed_field

from foundation.frozen import Frozen

CheckStatus = Literal["ok", "attention", "failed", "not_run", "harness_failed"]
"""`failed`: what was checked is not well. `not_run`: there was nothing to check, or nobody to ask. `harness_failed`:
the check itself broke, and says nothing about its subject. Neither of the last two is ever a pass."""

Verdict = Literal["ok", "attention", "failed", "incomplete"]


class HealthCheck(Frozen):
    name: str
    subject: str
    status: CheckStatus
    summary: str
    figures: dict[str, Any] = Field(default_factory=dict)


class HealthSection(Frozen):
    name: str
    checks: tuple[HealthCheck, ...]


class HealthReport(Frozen):
    """start <= t < end on the platform's clock is what the report is about."""

    start: datetime
    end: datetime
    sections: tuple[HealthSection, ...]

    @property
    def checks(self) -> tuple[HealthCheck, ...]:
        return tuple(check for section in self.sections for check in section.checks)

    @computed_field
    @property
    def counts(self) -> dict[CheckStatus, int]:
        found = Counter(check.status for check in self.checks)
        statuses: tuple[CheckStatus, ...] = ("ok", "attention", "failed", "not_run", "harness_failed")
        return {status: found[status] for status in statuses}

    @computed_field
    @property
    def verdict(self) -> Verdict:
        """The worst finding; without one, `ok` only if no check broke and every section has one that passed."""
        counts = self.counts
        if counts["failed"]:
            return "failed"
        if counts["attention"]:
            return "attention"
        told = bool(self.sections) and all(any(c.status == "ok" for c in s.checks) for s in self.sections)
        return "ok" if told and not counts["harness_failed"] else "incomplete"
