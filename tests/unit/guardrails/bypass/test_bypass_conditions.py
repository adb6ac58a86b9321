"""Attacks on the conditions of the moment: a freeze, the kill switch, a spent budget, an audit log that is down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from audit.entry import AuditEntry, AuditRecord
from audit.port import AuditLog
from foundation.errors import Unavailable
from guardrails.budgets.ledger import BudgetLedger
from guardrails.budgets.types import Amount, BudgetLimits, Limits, Spender
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy
from tests.fakes.bypass import Bench, Disarmed
from tests.fakes.guarded import ALICE

FREEZE = "{name: freeze, reason: peak season, start: 2026-11-19T05:00:00Z, end: 2026-11-19T07:00:00Z}"


class DeadAudit(AuditLog):
    """A log on a full disk: every append is refused."""

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> AuditEntry:
        raise Unavailable("no space left on device")


class ForgivingAudit(DeadAudit):
    """The same disk behind code that goes on without the log."""

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> AuditEntry:
        return None  # type: ignore[return-value]


def test_during_a_freeze(bench: Bench, disarmed: Disarmed, guarded: bool, tmp_path: Path) -> None:
    """It begins after the approval; the agent hurries."""
    approval_id = bench.approved()
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("freezes: []", f"freezes:\n  - {FREEZE}")
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    frozen = Policy.load(tmp_path / "policy.yaml")
    if not guarded:
        disarmed.policy()
    said = bench.attempt(lambda: bench.executor(policy=frozen).execute(approval_id))
    assert bench.effects == (0 if guarded else 1)
    assert not guarded or "frozen" in said[0]


def test_a_freeze_that_begins_between_the_check_and_the_claim(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, guarded: bool, tmp_path: Path
) -> None:
    """It is not there when policy is asked first, and there when the target has been planned again."""
    approval_id = bench.approved()
    start, end = bench.clock.now() + timedelta(seconds=5), bench.clock.now() + timedelta(hours=1)
    soon = f"{{name: freeze, reason: peak season, start: {start.isoformat()}, end: {end.isoformat()}}}"
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("freezes: []", f"freezes:\n  - {soon}")
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")
    policy = Policy.load(tmp_path / "policy.yaml")

    def slow_planning(*_: object) -> None:
        bench.clock.advance(timedelta(seconds=10))
        if not guarded:
            monkeypatch.setattr("guardrails.executor.checks.require_policy", lambda *_, **__: None)

    monkeypatch.setattr("guardrails.executor.checks.require_same_target", slow_planning)
    said = bench.attempt(lambda: bench.executor(policy=policy).execute(approval_id))
    assert bench.effects == (0 if guarded else 1)
    assert not guarded or "frozen" in said[0]


def test_while_the_kill_switch_is_engaged(bench: Bench, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    approval_id = bench.approved()
    bench.approvals.set_kill_switch(True, ALICE, "something is odd")
    if not guarded:
        monkeypatch.setattr("guardrails.executor.claiming.refuse_engaged", lambda switch: None)
    bench.attempt(lambda: bench.executor().execute(approval_id))
    assert bench.effects == (0 if guarded else 1)


def test_with_a_spent_budget(bench: Bench, guarded: bool) -> None:
    """The incident has had its one action; an attacker who steers the agent wants another."""
    approval_id = bench.approved()
    ledger = BudgetLedger(bench.engine, bench.clock, BudgetLimits(incident=Limits(actions=1)))
    ledger.reserve(Spender("inc_1", None), Amount(actions=1))
    said = bench.attempt(lambda: bench.executor(budget=ledger if guarded else None).execute(approval_id))
    assert bench.effects == (0 if guarded else 1)
    if guarded:
        assert said == ["the budget of incident inc_1 is spent: at most 1 actions"]
        assert bench.approvals.get(approval_id).status == "approved", "a person may still decide what to do with it"


def test_while_the_audit_log_is_down(bench: Bench, guarded: bool) -> None:
    approval_id = bench.approved()
    audit = DeadAudit() if guarded else ForgivingAudit()
    bench.attempt(lambda: bench.executor(audit=audit).execute(approval_id))
    assert bench.effects == (0 if guarded else 1)
