"""Breaking the glass: what it lifts, for how long, that a person still decides, and the review that must follow."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from guardrails.approvals.break_glass import BreakGlass
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy
from platform_core.access.principals import Principal
from tests.fakes.guarded import ALICE, BOB, ROOT, Guard, person, proposal

MINUTE = timedelta(minutes=1)
FREEZE = "{name: freeze, reason: peak season, start: 2026-11-19T05:00:00Z, end: 2026-11-19T09:00:00Z}"


@pytest.fixture
def guard(engine: Engine, clock: FixedClock, tmp_path: Path) -> Guard:
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("approvers_needed: 1", "approvers_needed: 2")
    path = tmp_path / "policy.yaml"
    path.write_text(text.replace("freezes: []", f"freezes:\n  - {FREEZE}"), encoding="utf-8")
    return Guard(engine, clock, policy=Policy.load(path))


@pytest.fixture
def glass(guard: Guard) -> BreakGlass:
    return BreakGlass(guard.engine, guard.clock, guard.log, guard.policy)


def broken(glass: BreakGlass, who: Principal = BOB, **changes: Any) -> str:
    given = {"environment": "production", "tenant": "br", "minutes": 15, "reason": "payments are down"}
    return glass.open(who, **(given | changes)).id


def test_it_lifts_a_freeze_and_the_second_approval(guard: Guard, glass: BreakGlass) -> None:
    with pytest.raises(Forbidden, match="frozen"):
        guard.approvals.request(proposal(guard.clock))
    glass_id = broken(glass)
    request = guard.approvals.request(proposal(guard.clock))
    with pytest.raises(Conflict, match="is pending"):
        guard.executor().execute(request.id)
    assert guard.approvals.decide(request.id, ALICE, "approve", channel="cli").status == "approved"
    assert guard.executor().execute(request.id).status == "succeeded"
    granted = next(e.record for e in guard.log.entries() if e.record.action == "approval.granted")
    assert granted.payload["break_glass"] == glass_id
    assert guard.audited()[0] == "glass.broken"


def test_it_ends_and_what_was_approved_under_it_ends_too(guard: Guard, glass: BreakGlass, clock: FixedClock) -> None:
    broken(glass)
    request = guard.approvals.request(proposal(clock))
    guard.approvals.decide(request.id, ALICE, "approve", channel="cli")
    clock.advance(15 * MINUTE)
    with pytest.raises(Forbidden, match="frozen"):
        guard.executor().execute(request.id)
    assert guard.target.effects == 0


@pytest.mark.parametrize("scope", [{"tenant": "ar"}, {"environment": "staging"}])
def test_it_holds_where_it_was_broken_only(guard: Guard, glass: BreakGlass, scope: dict[str, str]) -> None:
    broken(glass, **scope)
    with pytest.raises(Forbidden, match="frozen"):
        guard.approvals.request(proposal(guard.clock))


def test_for_one_tenant_it_does_not_cover_what_belongs_to_none(guard: Guard, glass: BreakGlass) -> None:
    broken(glass)
    with pytest.raises(Forbidden, match="frozen"):
        guard.approvals.request(proposal(guard.clock, tenant=None))


def test_the_kill_switch_and_four_eyes_still_hold(guard: Guard, glass: BreakGlass) -> None:
    broken(glass)
    mine = guard.approvals.request(proposal(guard.clock, requested_by=ALICE.id))
    with pytest.raises(Forbidden, match="requested this"):
        guard.approvals.decide(mine.id, ALICE, "approve", channel="cli")
    request = guard.approvals.request(proposal(guard.clock))
    guard.approvals.set_kill_switch(True, ALICE, "odd")
    with pytest.raises(Conflict, match="kill switch"):
        guard.approvals.decide(request.id, BOB, "approve", channel="cli")


@pytest.mark.parametrize(
    ("who", "changes", "error"),
    [
        (ALICE, {}, Forbidden),
        (person("ana", "approver", tenants=frozenset({"ar"})), {}, Forbidden),
        (person("ana", "approver", tenants=frozenset({"br"})), {"tenant": None}, Forbidden),
        (Principal(id="agent:incident", name="a", roles=frozenset({"admin"}), tenants=frozenset({"*"})), {}, Forbidden),
        (BOB, {"minutes": 31}, InvalidInput),
        (BOB, {"minutes": 0}, InvalidInput),
        (BOB, {"reason": "  "}, InvalidInput),
    ],
)
def test_who_may_not_break_it_and_how_not(
    glass: BreakGlass, who: Principal, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        broken(glass, who, **changes)
    assert glass.all() == []


def test_the_review_must_be_closed_by_somebody_else(glass: BreakGlass, clock: FixedClock, guard: Guard) -> None:
    glass_id = broken(glass)
    with pytest.raises(Conflict, match="nobody has reviewed it"):
        broken(glass)
    clock.advance(60 * MINUTE)
    with pytest.raises(Conflict, match="nobody has reviewed it"):
        broken(glass)
    ana = person("ana", "approver", tenants=frozenset({"ar"}))
    refused = (
        (BOB, "fine", Forbidden),
        (ALICE, "fine", Forbidden),
        (ana, "fine", Forbidden),
        (ROOT, " ", InvalidInput),
    )
    for who, note, error in refused:
        with pytest.raises(error):
            glass.review(glass_id, who, note)
    with pytest.raises(NotFound):
        glass.review("brk_nothing", ROOT, "fine")
    assert [g.id for g in glass.all(unreviewed=True)] == [glass_id]
    reviewed = glass.review(glass_id, ROOT, "one rollback, it was right")
    assert (reviewed.reviewed_by, reviewed.review) == (ROOT.id, "one rollback, it was right")
    with pytest.raises(Conflict, match="was reviewed by human:root"):
        glass.review(glass_id, ROOT, "again")
    assert guard.audited() == ["glass.broken", "glass.reviewed"]
    broken(glass)


def test_a_review_ends_it_at_once(guard: Guard, glass: BreakGlass) -> None:
    glass_id = broken(glass)
    glass.review(glass_id, ROOT, "that was no emergency")
    with pytest.raises(Forbidden, match="frozen"):
        guard.approvals.request(proposal(guard.clock))


def test_what_lifts_freezes_only_leaves_the_second_approval(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("approvers_needed: 1", "approvers_needed: 2")
    text = text.replace("freezes: []", f"freezes:\n  - {FREEZE}\nbreak_glass: {{lifts: [freezes]}}")
    path = tmp_path / "freezes_only.yaml"
    path.write_text(text, encoding="utf-8")
    guard = Guard(engine, clock, policy=Policy.load(path))
    broken(BreakGlass(engine, clock, guard.log, guard.policy))
    request = guard.approvals.request(proposal(clock))
    assert guard.approvals.decide(request.id, ALICE, "approve", channel="cli").status == "pending"
    assert guard.approvals.decide(request.id, BOB, "approve", channel="cli").status == "approved"
    assert guard.executor().execute(request.id).status == "succeeded"
