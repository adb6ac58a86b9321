"""Attacks on the life of an approval: none at all, one that ran out, one used before, one that never was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from guardrails.approvals import store
from guardrails.approvals.tables import decisions
from guardrails.approvals.types import ApprovalRequest
from tests.fakes.bypass import HALF_AN_HOUR, Bench, Disarmed
from tests.fakes.guarded import ALICE

MakeBench = Callable[..., Bench]


def test_the_way_it_should_go(bench: Bench) -> None:
    """Not an attack: every tool does act once when it is approved, so a count of 0 below means that it was stopped."""
    execution = bench.executor().execute(bench.approved())
    assert (execution.status, bench.resources.effects) == ("succeeded", [bench.case.target])


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_no_approval(bench: Bench, disarmed: Disarmed, guarded: bool, state: str) -> None:
    request = bench.approvals.request(bench.proposal())
    if state == "rejected":
        bench.approvals.decide(request.id, ALICE, "reject", reason="not now", channel="cli")
    if not guarded:
        disarmed.status()
        disarmed.policy()
        disarmed.log()
        disarmed.claim()
    bench.attempt(lambda: bench.executor().execute(request.id))
    assert bench.effects == (0 if guarded else 1)


def test_an_expired_grant(bench: Bench, disarmed: Disarmed, guarded: bool) -> None:
    approval_id = bench.approved()
    bench.clock.advance(HALF_AN_HOUR)
    if not guarded:
        disarmed.claim()
    bench.attempt(lambda: bench.executor().execute(approval_id))
    assert bench.effects == (0 if guarded else 1)


def test_an_expired_request(bench: Bench, disarmed: Disarmed, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    request = bench.approvals.request(bench.proposal())
    bench.clock.advance(HALF_AN_HOUR)
    if not guarded:
        # Whoever closes what ran out has not come by, and the decision does not look at the time.
        monkeypatch.setattr("guardrails.approvals.closing.Closing.expire", lambda *_: None)
        monkeypatch.setattr("guardrails.approvals.deciding.Deciding._compare_and_set", _timeless)
    bench.attempt(
        lambda: bench.approvals.decide(request.id, ALICE, "approve", channel="http"),
        lambda: bench.executor().execute(request.id),
    )
    assert bench.effects == (0 if guarded else 1)


def _timeless(_self: object, connection: sa.Connection, decision: object, *, lifted_to: int | None) -> bool:
    ends = decision.decided_at + HALF_AN_HOUR  # type: ignore[attr-defined]
    update = sa.update(store.approval_requests).values(status="approved", approvals=1, grant_expires_at=ends)
    return connection.execute(update).rowcount == 1


def test_a_replayed_approval(make_bench: MakeBench, disarmed: Disarmed, guarded: bool) -> None:
    """Executed, and executed again: by another process, by a third, and as what a restarted worker finds to settle."""
    bench = make_bench(careless=True)
    approval_id = bench.approved()
    bench.executor().execute(approval_id)
    if not guarded:
        disarmed.status()
        disarmed.single_use()
        disarmed.replanning()
    bench.attempt(
        lambda: bench.executor().execute(approval_id),
        lambda: bench.executor().execute(approval_id),
        lambda: bench.executor().reconcile(),
    )
    assert bench.effects == (1 if guarded else 3)


def test_an_id_that_was_never_given(bench: Bench) -> None:
    bench.approved()
    for forged in ("apr_0", "", "*", "apr_1' OR '1'='1", "apr_\x00", "../apr", "%", "ａpr_0"):
        bench.attempt(lambda forged=forged: bench.executor().execute(forged))
    assert bench.effects == 0


def test_a_forged_approval(bench: Bench, disarmed: Disarmed, guarded: bool) -> None:
    """Somebody with the database's password writes the rows of an approval, with an id of their own."""
    real = bench.approvals.request(bench.proposal())
    forged = ApprovalRequest.model_validate(
        {**real.model_dump(), "id": "apr_forged", "status": "approved", "proposal": _copied(real)}
    )
    with bench.engine.begin() as connection:
        store.insert_request(connection, forged, grant_expires_at=bench.clock.now() + HALF_AN_HOUR)
        row = {"request_id": forged.id, "principal_id": ALICE.id, "verdict": "approve", "channel": "http"}
        connection.execute(sa.insert(decisions).values(**row, decided_at=bench.clock.now(), authority=ALICE.id))
    if not guarded:
        disarmed.log()
    bench.attempt(lambda: bench.executor().execute(forged.id))
    assert bench.effects == (0 if guarded else 1)


def _copied(real: ApprovalRequest) -> dict[str, object]:
    return real.proposal.model_copy(update={"id": "prp_forged"}).model_dump()
