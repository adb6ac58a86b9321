"""Delegations, batches and edits: unusual ways to decide, each as strict as the usual one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from guardrails.approvals.batches import MOST
from guardrails.approvals.delegation import Delegations
from guardrails.approvals.tables import approval_requests
from tests.fakes.guarded import ALICE, BOB, ROOT, Guard, person, proposal

HOUR = timedelta(hours=1)
EVE = person("eve", "viewer")
DAN = person("dan", "viewer")


@pytest.fixture
def guard(engine: Engine, clock: FixedClock) -> Guard:
    made = Guard(engine, clock)
    made.people |= {p.id: p for p in (ALICE, BOB, ROOT, EVE, DAN)} | {"human:ghost": None}
    return made


@pytest.fixture
def delegations(guard: Guard) -> Delegations:
    return Delegations(guard.engine, guard.clock, guard.log, guard.who_is)


def delegated(delegations: Delegations, to: str = EVE.id, **changes: Any) -> str:
    return delegations.delegate(ALICE, to, **({"lasts": HOUR, "reason": "asleep"} | changes)).id


def test_a_delegate_decides_with_the_right_of_another(guard: Guard, delegations: Delegations) -> None:
    delegated(delegations)
    request = guard.approvals.request(proposal(guard.clock))
    approved = guard.approvals.decide(request.id, EVE, "approve", channel="slack")
    (decision,) = approved.decisions
    assert (approved.status, decision.principal_id, decision.on_behalf_of) == ("approved", EVE.id, ALICE.id)
    assert guard.executor().execute(request.id).status == "succeeded"
    granted = next(e.record for e in guard.log.entries() if e.record.action == "approval.granted")
    assert (granted.actor, granted.payload["on_behalf_of"]) == (EVE.id, ALICE.id)


@pytest.mark.parametrize("what", ["ended", "revoked", "other tenant", "delegator lost the role", "delegator left"])
def test_a_delegation_that_does_not_hold_is_worth_nothing(
    guard: Guard, delegations: Delegations, clock: FixedClock, what: str
) -> None:
    given = delegated(delegations, tenant="ar" if what == "other tenant" else None)
    if what == "ended":
        clock.advance(HOUR)
    if what == "revoked":
        delegations.revoke(given, ALICE)
    request = guard.approvals.request(proposal(clock))
    if what.startswith("delegator"):
        guard.people[ALICE.id] = None if what.endswith("left") else person("alice", "viewer")
    with pytest.raises(Forbidden):
        guard.approvals.decide(request.id, EVE, "approve", channel="slack")


def test_a_delegate_who_may_not_see_the_tenant_decides_nothing_there(guard: Guard, delegations: Delegations) -> None:
    ana = person("ana", "viewer", tenants=frozenset({"ar"}))
    guard.people[ana.id] = ana
    delegated(delegations, ana.id)
    request = guard.approvals.request(proposal(guard.clock))
    for verdict in ("approve", "reject"):
        with pytest.raises(Forbidden):
            guard.approvals.decide(request.id, ana, verdict, reason="not now", channel="slack")
    assert guard.approvals.get(request.id).status == "pending"


def test_an_approval_by_delegation_falls_with_the_delegation(guard: Guard, delegations: Delegations) -> None:
    given = delegated(delegations)
    request = guard.approvals.request(proposal(guard.clock))
    guard.approvals.decide(request.id, EVE, "approve", channel="slack")
    delegations.revoke(given, EVE)
    with pytest.raises(Forbidden, match="has 0"):
        guard.executor().execute(request.id)
    assert guard.target.effects == 0


def test_one_right_is_one_voice_whoever_speaks(guard: Guard, delegations: Delegations) -> None:
    """Alice and her two delegates are one of the two that are needed."""
    for who in (EVE, DAN):
        delegated(delegations, who.id)
    request = guard.approvals.request(proposal(guard.clock))
    with guard.engine.begin() as connection:
        connection.execute(sa.update(approval_requests).values(approvers_needed=2))
    assert guard.approvals.decide(request.id, EVE, "approve", channel="slack").status == "pending"
    for who in (DAN, ALICE, EVE):
        with pytest.raises(Conflict, match="already decided"):
            guard.approvals.decide(request.id, who, "approve", channel="slack")
    assert guard.approvals.decide(request.id, BOB, "approve", channel="slack").status == "approved"


def test_a_delegate_does_not_hand_on_nor_approve_their_own(guard: Guard, delegations: Delegations) -> None:
    delegated(delegations)
    with pytest.raises(Forbidden, match="no decisions to delegate"):
        delegations.delegate(EVE, DAN.id, lasts=HOUR, reason="me too")
    guard.people[EVE.id] = person("eve", "responder")
    request = guard.approvals.request(proposal(guard.clock, requested_by=EVE.id))
    with pytest.raises(Forbidden):
        guard.approvals.decide(request.id, EVE, "approve", channel="slack")
    mine = guard.approvals.request(proposal(guard.clock, requested_by=ALICE.id))
    with pytest.raises(Forbidden):
        guard.approvals.decide(mine.id, EVE, "approve", channel="slack")


@pytest.mark.parametrize(
    ("to", "changes", "error"),
    [
        (ALICE.id, {}, InvalidInput),
        ("human:ghost", {}, NotFound),
        (EVE.id, {"lasts": timedelta(days=15)}, InvalidInput),
        (EVE.id, {"lasts": timedelta(0)}, InvalidInput),
        (EVE.id, {"reason": " "}, InvalidInput),
    ],
)
def test_a_delegation_that_cannot_be_meant_is_refused(
    delegations: Delegations, to: str, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        delegated(delegations, to, **changes)
    assert delegations.all() == []


def test_a_batch_is_decided_at_one_look_and_each_by_itself(guard: Guard) -> None:
    ids = [guard.approvals.request(proposal(guard.clock)).id for _ in range(3)]
    batch = guard.approvals.like(ids[0])
    assert set(batch.request_ids) == set(ids)
    decided = guard.approvals.decide_batch(ids, batch.digest, ALICE, "approve", channel="console")
    assert [(each.request_id, each.status, each.refused) for each in decided] == [
        (request_id, "approved", None) for request_id in sorted(ids)
    ]
    granted = [e.record for e in guard.log.entries() if e.record.action == "approval.granted"]
    assert len(granted) == 3, "each is a decision of its own"
    assert {record.payload["batch"] for record in granted} == {batch.digest}


def test_a_batch_that_is_not_what_was_shown_decides_nothing(guard: Guard) -> None:
    first = guard.approvals.request(proposal(guard.clock))
    shown = guard.approvals.like(first.id)
    second = guard.approvals.request(proposal(guard.clock))
    with pytest.raises(Conflict, match="not the requests that were shown"):
        guard.approvals.decide_batch([first.id, second.id], shown.digest, ALICE, "approve", channel="http")
    odd = guard.approvals.request(proposal(guard.clock, tier="costly"))
    with pytest.raises(InvalidInput, match="not like"):
        guard.approvals.decide_batch([first.id, odd.id], shown.digest, ALICE, "approve", channel="http")
    with pytest.raises(InvalidInput, match="a rejection needs a reason"):
        guard.approvals.decide_batch([first.id], shown.digest, ALICE, "reject", channel="http")
    assert [guard.approvals.get(each.id).status for each in (first, second)] == ["pending", "pending"]


def test_of_a_batch_one_that_cannot_be_decided_holds_up_no_other(guard: Guard) -> None:
    ids = sorted(guard.approvals.request(proposal(guard.clock)).id for _ in range(3))
    batch = guard.approvals.like(ids[0])
    guard.approvals.decide(ids[1], BOB, "reject", reason="not this one", channel="http")
    first, second, third = guard.approvals.decide_batch(ids, batch.digest, ALICE, "approve", channel="http")
    assert (first.status, third.status) == ("approved", "approved")
    assert second.status is None
    assert "already rejected by human:bob" in (second.refused or "")
    assert guard.approvals.get(ids[1]).status == "rejected"
    with pytest.raises(Conflict, match="nothing like"):
        guard.approvals.like(ids[0])


def test_who_may_not_decide_one_may_not_decide_many(guard: Guard) -> None:
    ids = sorted(guard.approvals.request(proposal(guard.clock)).id for _ in range(2))
    batch = guard.approvals.like(ids[0])
    refused = guard.approvals.decide_batch(ids, batch.digest, EVE, "approve", channel="http")
    assert all(each.refused and each.status is None for each in refused)
    assert guard.audited()[-2:] == ["approval.refused"] * 2, "each attempt is in the log"
    assert {guard.approvals.get(each).status for each in ids} == {"pending"}


def test_a_batch_is_of_what_somebody_may_see_and_no_longer_than_can_be_looked_at(guard: Guard) -> None:
    ids = [guard.approvals.request(proposal(guard.clock)).id for _ in range(MOST + 2)]
    batch = guard.approvals.like(ids[-1])
    assert (len(batch.request_ids), batch.more) == (MOST, 2)
    assert guard.approvals.like(ids[0], lambda request: request.id in ids[:2]).request_ids == tuple(sorted(ids[:2]))


@pytest.mark.parametrize("approved", [False, True])
def test_an_edit_is_a_new_proposal_and_the_older_one_is_closed(guard: Guard, approved: bool) -> None:
    older = guard.approvals.request(proposal(guard.clock))
    if approved:
        guard.approvals.decide(older.id, BOB, "approve", channel="cli")
    edited = proposal(guard.clock, requested_by=ALICE.id, tier="costly", revision=4)
    newer = guard.approvals.revise(older.id, edited)
    assert (newer.status, newer.decisions) == ("pending", ()), "an approval of the older one is worth nothing here"
    closed = guard.approvals.get(older.id)
    assert (closed.status, closed.closed_reason) == ("expired", f"superseded: edited by human:alice, see {newer.id}")
    with pytest.raises(Conflict):
        guard.executor().execute(older.id)
    with pytest.raises(Forbidden, match="requested this"):
        guard.approvals.decide(newer.id, ALICE, "approve", channel="cli")
    assert guard.audited()[-2:] == ["approval.superseded", "approval.refused"]


def test_what_cannot_be_edited(guard: Guard) -> None:
    older = guard.approvals.request(proposal(guard.clock))
    with pytest.raises(InvalidInput, match="nothing was edited"):
        guard.approvals.revise(older.id, proposal(guard.clock, requested_by=ALICE.id))
    elsewhere = proposal(guard.clock, revision=4).model_copy(update={"incident_id": "inc_2"})
    with pytest.raises(InvalidInput, match="another incident"):
        guard.approvals.revise(older.id, elsewhere)
    with pytest.raises(Forbidden, match="no grant lets human:eve propose"):
        guard.approvals.revise(older.id, proposal(guard.clock, requested_by=EVE.id, revision=4))
    guard.approvals.decide(older.id, BOB, "reject", reason="not now", channel="cli")
    with pytest.raises(Conflict, match="nothing to revise"):
        guard.approvals.revise(older.id, proposal(guard.clock, requested_by=ALICE.id, revision=4))
    assert len(guard.approvals.for_incident("inc_1")) == 1, "a refused edit leaves nothing behind"
