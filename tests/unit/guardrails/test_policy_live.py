"""A policy that follows its file: what is in force when the file changes, breaks, goes, or cannot be recorded."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from audit.log import SqlAuditLog
from foundation.clock import FixedClock
from foundation.errors import Forbidden, InvalidInput, Unavailable
from guardrails.approvals.service import ApprovalService
from guardrails.policy.adoption import PolicyRecorder
from guardrails.policy.live import LivePolicy
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy
from tests.fakes.guarded import ALICE, proposal

GOOD = DEFAULT_POLICY.read_text(encoding="utf-8")
STRICT = GOOD.replace("approvers_needed: 1", "approvers_needed: 2")


class Bench:
    def __init__(self, engine: Engine, clock: FixedClock, path: Path) -> None:
        self.path = path
        self.log = SqlAuditLog(engine, clock)
        self.recorder = PolicyRecorder(engine, clock, self.log, actor="service:worker")
        self._moment = 1_800_000_000

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self._moment += 1  # a file system whose clock is coarse must not hide a change from the test
        os.utime(self.path, (self._moment, self._moment))

    def live(self) -> LivePolicy:
        return LivePolicy(self.path, adopt=self.recorder.adopted, refused=self.recorder.refused)

    def told(self) -> list[str]:
        return [entry.record.action for entry in self.log.entries()]


@pytest.fixture
def bench(engine: Engine, clock: FixedClock, tmp_path: Path) -> Bench:
    made = Bench(engine, clock, tmp_path / "policy.yaml")
    made.write(GOOD)
    return made


def needed(policy: Policy) -> int:
    return policy.document.rules[1].approvers_needed


def test_a_new_file_comes_into_force_with_its_audit_entry(bench: Bench) -> None:
    live = bench.live()
    before = live.current()
    bench.write(STRICT)
    assert needed(live.current()) == 2
    first, second = bench.log.entries()
    assert (first.record.action, first.record.payload["policy_sha256"]) == ("policy.changed", before.digest)
    assert second.record.payload["before_sha256"] == before.digest
    assert second.record.payload["policy_sha256"] == live.current().digest


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("rules: [", "not YAML"),
        (GOOD.replace("effect: require_approval", "effect: allow"), "line 12: "),
        (GOOD.replace("version: 1", "version: 3"), "line 4: "),
        ("", "a policy is a mapping"),
        (
            GOOD.replace(
                "freezes: []",
                "freezes:\n  - {name: f, reason: r, start: 0001-01-01T00:00:00+14:00, end: 2026-01-01T00:00:00Z}",
            ),
            "is no moment in UTC",
        ),
        (
            GOOD.replace(
                "freezes: []",
                "freezes:\n  - {name: f, reason: r, start: 2026-01-01T00:00:00Z, end: 9999-12-31T23:59:59-03:00}",
            ),
            "is no moment in UTC",
        ),
    ],
)
def test_a_broken_file_is_refused_and_the_last_good_one_stays(bench: Bench, broken: str, reason: str) -> None:
    live = bench.live()
    good = live.current()
    bench.write(broken)
    for _ in range(3):
        assert live.current() is good
    assert reason in (live.problem or "")
    assert bench.told() == ["policy.changed", "policy.refused"], "once, however often it is asked"
    bench.write(GOOD)
    assert live.problem is None


def test_a_file_that_goes_away_weakens_nothing(bench: Bench) -> None:
    bench.write(STRICT)
    live = bench.live()
    bench.path.unlink()
    assert needed(live.current()) == 2
    assert "cannot be read" in (live.problem or "")


def test_without_a_good_file_at_the_start_there_is_nothing_to_fall_back_on(bench: Bench) -> None:
    bench.write("rules: [")
    with pytest.raises(InvalidInput, match="not YAML"):
        bench.live()


def test_what_cannot_be_recorded_does_not_come_into_force(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    live = bench.live()
    bench.write(STRICT)

    def full(*_: object, **__: object) -> None:
        raise Unavailable("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(bench.log, "append", full)
        assert needed(live.current()) == 1
        assert "no space left" in (live.problem or "")
    assert needed(live.current()) == 2, "tried again as soon as it can be"


def test_two_processes_tell_of_one_change_once(bench: Bench) -> None:
    one, two = bench.live(), bench.live()
    bench.write(STRICT)
    assert one.current().digest == two.current().digest
    assert bench.told() == ["policy.changed"] * 2


def test_the_built_in_policy_is_told_of_only_where_another_was_before(bench: Bench) -> None:
    builtin = Policy.load(None)
    bench.recorder.adopted(builtin, DEFAULT_POLICY)
    assert bench.told() == []
    bench.write(STRICT)
    bench.live()
    bench.recorder.adopted(builtin, DEFAULT_POLICY)
    assert bench.told() == ["policy.changed"] * 2


def test_a_decision_is_made_by_the_file_as_it_is_when_it_begins(
    bench: Bench, engine: Engine, clock: FixedClock
) -> None:
    """Adopting writes to the log: inside the decision's own transaction it would wait for that very transaction."""
    live = bench.live()
    desk = ApprovalService(engine, clock, bench.log, live, expires_after=timedelta(minutes=30))
    request = desk.request(proposal(clock))
    bench.write(GOOD.replace("approver_roles: [oncall, approver, admin]", "approver_roles: [approver]"))
    with pytest.raises(Forbidden, match="none of the roles"):
        desk.decide(request.id, ALICE, "approve", channel="cli")
    assert live.problem is None
    assert bench.told().count("policy.changed") == 2
