"""One request at a time: who may decide, what is refused, what is stored and what the log says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Engine

from audit.entry import AuditEntry, AuditRecord
from audit.log import SqlAuditLog
from audit.port import AuditLog
from audit.sealing import SubjectSealing
from foundation.clock import FixedClock
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from guardrails.approvals.asking import POLICY_ACTOR
from guardrails.approvals.tables import approval_requests, decisions, proposals
from guardrails.policy.loading import DEFAULT_POLICY, parse_document
from guardrails.policy.policy import Policy
from platform_core.access.principals import Principal
from tests.fakes.guarded import ALICE, BOB, ROOT, Guard, person, proposal

MINUTE = timedelta(minutes=1)


class BrokenAudit(AuditLog):
    """A log on a full disk."""

    def append(self, record: AuditRecord, *, connection: object = None) -> AuditEntry:
        raise Unavailable("no space left on device")


@pytest.fixture
def guard(engine: Engine, clock: FixedClock) -> Guard:
    return Guard(engine, clock)


def frozen_policy(tmp_path: Path) -> Policy:
    text = Path(Policy.load.__code__.co_filename).with_name("default_policy.yaml").read_text(encoding="utf-8")
    window = "{name: freeze, reason: peak season, start: 2026-11-19T06:00:00Z, end: 2026-11-19T07:00:00Z}"
    path = tmp_path / "policy.yaml"
    path.write_text(text.replace("freezes: []", f"freezes:\n  - {window}"), encoding="utf-8")
    return Policy.load(path)


def test_a_request_is_stored_with_its_proposal_before_it_is_returned(guard: Guard, clock: FixedClock) -> None:
    asked = proposal(clock)
    request = guard.approvals.request(asked)
    assert (request.status, request.approvers_needed, request.rule) == ("pending", 1, "production-actions")
    assert request.expires_at == clock.now() + 30 * MINUTE
    assert guard.approvals.get(request.id) == request
    assert request.proposal == asked
    assert guard.approvals.pending() == guard.approvals.for_incident("inc_1") == [request]
    (entry,) = guard.log.entries()
    assert (entry.record.action, entry.record.actor) == ("approval.requested", "agent:incident")
    assert entry.record.payload["digest"] == asked.digest
    assert entry.record.payload["policy_sha256"] == guard.policy.digest


def test_asking_again_changes_nothing(guard: Guard, clock: FixedClock) -> None:
    asked = proposal(clock)
    assert guard.approvals.request(asked) == guard.approvals.request(asked)
    assert guard.audited() == ["approval.requested"]
    with pytest.raises(Conflict, match="exists with other content"):
        guard.approvals.request(asked.model_copy(update={"rationale": "another one"}))


def test_what_policy_denies_is_not_stored(guard: Guard, clock: FixedClock) -> None:
    with pytest.raises(Forbidden, match="policy denies drop_table"):
        guard.approvals.request(proposal(clock, tool="drop_table"))
    with pytest.raises(Forbidden, match="reaches 60 endpoints"):
        guard.approvals.request(proposal(clock, endpoints=60))
    assert guard.approvals.for_incident("inc_1") == []
    assert guard.audited() == []


def test_a_wrong_digest_is_refused(guard: Guard, clock: FixedClock) -> None:
    forged = proposal(clock).model_copy(update={"arguments": {"source": "payments_ar"}})
    with pytest.raises(InvalidInput, match="digest"):
        guard.approvals.request(forged)


def test_outside_production_policy_itself_decides(guard: Guard, clock: FixedClock) -> None:
    request = guard.approvals.request(proposal(clock, environment="staging"))
    (decision,) = request.decisions
    assert (request.status, decision.principal_id, decision.channel) == ("approved", POLICY_ACTOR, "policy")
    assert guard.audited() == ["approval.requested", "approval.granted"]


@pytest.mark.parametrize("verdict", ["approve", "reject"])
@pytest.mark.parametrize(
    "who",
    [
        person("eve", "viewer", "responder"),
        person("ana", "oncall", tenants=frozenset({"ar"})),
        Principal(id="agent:incident", name="a", roles=frozenset({"admin"}), tenants=frozenset({"*"})),
        Principal(id="service:worker", name="w", roles=frozenset({"admin"}), tenants=frozenset({"*"})),
    ],
    ids=lambda who: who.id,
)
def test_who_may_not_decide_is_refused_and_noted(guard: Guard, clock: FixedClock, who: Principal, verdict: str) -> None:
    request = guard.approvals.request(proposal(clock))
    with pytest.raises(Forbidden):
        guard.approvals.decide(request.id, who, verdict, reason="not now", channel="http")
    assert guard.approvals.get(request.id) == request
    entry = guard.log.entries()[-1]
    assert (entry.record.action, entry.record.actor, entry.record.subject) == ("approval.refused", who.id, request.id)
    of = request.proposal
    assert (entry.record.tenant, entry.record.incident_id) == (of.tenant, of.incident_id) != (None, None)


def test_a_requester_may_withdraw_but_not_approve(guard: Guard, clock: FixedClock) -> None:
    request = guard.approvals.request(proposal(clock, requested_by=ALICE.id))
    with pytest.raises(Forbidden, match="somebody else has to approve"):
        guard.approvals.decide(request.id, ALICE, "approve", channel="slack")
    assert guard.approvals.decide(request.id, ALICE, "reject", reason="not now", channel="slack").status == "rejected"


def test_a_decision_is_stored_with_its_reason_and_audited_with_it_sealed(engine: Engine, clock: FixedClock) -> None:
    sealed = SqlAuditLog(engine, clock, sealing=SubjectSealing(lambda: b"m" * 32, clock))
    guard = Guard(engine, clock, audit=sealed)
    request = guard.approvals.request(proposal(clock))
    decided = guard.approvals.decide(
        request.id, ALICE, "reject", reason="ask Maria, +55 11 98765-4321", channel="slack"
    )
    (decision,) = decided.decisions
    assert (decided.status, decision.reason) == ("rejected", "ask Maria, +55 11 98765-4321")
    assert guard.approvals.pending() == []
    assert "98765" not in guard.log.entries()[-1].model_dump_json()
    assert sealed.entries()[-1].record.payload["reason"] == decision.reason


def test_an_unknown_request(guard: Guard) -> None:
    with pytest.raises(NotFound, match="apr_nothing"):
        guard.approvals.decide("apr_nothing", ALICE, "approve", channel="cli")


def test_time_runs_out_for_people(guard: Guard, clock: FixedClock) -> None:
    request = guard.approvals.request(proposal(clock))
    clock.advance(30 * MINUTE)
    assert guard.approvals.pending() == []
    with pytest.raises(Conflict, match=r"expired at 2026-11-19T06:21.*nothing was run"):
        guard.approvals.decide(request.id, ALICE, "approve", channel="slack")
    assert guard.approvals.get(request.id).status == "expired"
    assert guard.approvals.expire_due() == []
    assert guard.audited() == ["approval.requested", "approval.expired"]


def test_time_runs_out_for_a_grant(guard: Guard, clock: FixedClock) -> None:
    approval_id = guard.approved()
    clock.advance(29 * MINUTE)
    assert guard.approvals.expire_due() == []
    clock.advance(MINUTE)
    (expired,) = guard.approvals.expire_due()
    assert (expired.id, expired.status) == (approval_id, "expired")


def test_a_freeze_that_began_meanwhile_stops_the_approval(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    guard = Guard(engine, clock, policy=frozen_policy(tmp_path))
    request = guard.approvals.request(proposal(clock))
    clock.advance(15 * MINUTE)
    with pytest.raises(Forbidden, match="changes are frozen"):
        guard.approvals.decide(request.id, ALICE, "approve", channel="cli")
    assert guard.approvals.decide(request.id, ALICE, "reject", reason="not now", channel="cli").status == "rejected"


@pytest.mark.parametrize(
    ("old", "new"), [('"payments_br"', '"payments_ar"'), ('"tier":"reversible"', '"tier":"costly"'), ("E1", "E2")]
)
def test_a_proposal_that_was_changed_in_the_database_is_not_approved(
    guard: Guard, clock: FixedClock, old: str, new: str
) -> None:
    request = guard.approvals.request(proposal(clock))
    document = proposals.c.document
    with guard.engine.begin() as connection:
        changed = connection.execute(sa.update(proposals).values(document=sa.func.replace(document, old, new)))
        assert changed.rowcount == 1
    with pytest.raises(Conflict, match="was changed after approval was requested"):
        guard.approvals.decide(request.id, ALICE, "approve", channel="cli")
    assert guard.approvals.get(request.id).status == "pending"


def test_one_person_has_one_voice(guard: Guard, clock: FixedClock) -> None:
    request = guard.approvals.request(proposal(clock))
    with guard.engine.begin() as connection:
        connection.execute(sa.update(approval_requests).values(approvers_needed=2))
    first = guard.approvals.decide(request.id, ALICE, "approve", channel="slack")
    assert first.status == "pending"
    with pytest.raises(Conflict, match="human:alice already decided"):
        guard.approvals.decide(request.id, ALICE, "approve", channel="console")
    assert guard.approvals.decide(request.id, BOB, "approve", channel="cli").status == "approved"


def test_nothing_changes_when_it_cannot_be_audited(guard: Guard, clock: FixedClock) -> None:
    request = guard.approvals.request(proposal(clock))
    broken = Guard(guard.engine, clock, audit=BrokenAudit())
    with pytest.raises(Unavailable):
        broken.approvals.request(proposal(clock))
    with pytest.raises(Unavailable):
        broken.approvals.decide(request.id, ALICE, "approve", channel="cli")
    with pytest.raises(Unavailable):
        broken.approvals.set_kill_switch(True, ALICE, "x")
    clock.advance(30 * MINUTE)
    with pytest.raises(Unavailable):
        broken.approvals.expire_due()
    with guard.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(decisions)) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(proposals)) == 1
        connection.rollback()
    assert guard.approvals.get(request.id) == request
    assert not guard.approvals.kill_switch()


def test_anybody_on_call_stops_everything_and_an_approver_starts_again(guard: Guard) -> None:
    for who in (person("eve", "viewer", "responder"), ALICE.model_copy(update={"id": "agent:incident"})):
        with pytest.raises(Forbidden, match="may not engage"):
            guard.approvals.set_kill_switch(True, who, "x")
    assert guard.approvals.set_kill_switch(True, ALICE, "odd").changed_by == "human:alice"
    with pytest.raises(Forbidden, match="may not release"):
        guard.approvals.set_kill_switch(False, ALICE, "fine")
    with pytest.raises(Forbidden, match="may not release"):
        guard.approvals.set_kill_switch(False, person("ana", "approver", tenants=frozenset({"ar"})), "fine here")
    assert not guard.approvals.set_kill_switch(False, ROOT, "fine")
    assert guard.audited() == ["kill_switch.engaged", "kill_switch.released"]


@pytest.mark.parametrize("approved", [False, True])
def test_what_is_superseded_is_neither_approved_nor_executed(guard: Guard, clock: FixedClock, approved: bool) -> None:
    request = guard.approvals.request(proposal(clock))
    if approved:
        guard.approvals.decide(request.id, ALICE, "approve", channel="cli")
    assert guard.approvals.supersede(request.id, "new evidence names another cause", actor="agent:incident")
    assert not guard.approvals.supersede(request.id, "again"), "there is nothing left to close"
    closed = guard.approvals.get(request.id)
    assert (closed.status, closed.closed_reason) == ("expired", "superseded: new evidence names another cause")
    assert guard.approvals.pending() == []
    with pytest.raises(Conflict):
        guard.approvals.decide(request.id, BOB, "approve", channel="cli")
    with pytest.raises(Conflict, match="is expired"):
        guard.executor().execute(request.id)
    assert guard.target.effects == 0
    assert guard.audited()[-1] == "approval.superseded"
    assert guard.log.entries()[-1].record.actor == "agent:incident"
    with pytest.raises(NotFound):
        guard.approvals.supersede("apr_nothing", "r")


def test_what_is_executed_is_not_superseded(guard: Guard) -> None:
    approval_id = guard.approved()
    guard.executor().execute(approval_id)
    assert not guard.approvals.supersede(approval_id, "too late")
    assert guard.approvals.get(approval_id).status == "claimed"


def test_the_executor_refuses_an_approval_by_who_wrote_an_earlier_version(
    engine: Engine, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard(engine, clock)
    first = guard.approvals.request(proposal(clock, requested_by="human:carol", revision=2))
    edited = guard.approvals.revise(first.id, proposal(clock, requested_by="human:bob"))
    with monkeypatch.context() as without:
        without.setattr("guardrails.approvals.store.authors_of", lambda _connection, p: frozenset({p.requested_by}))
        guard.approvals.decide(edited.id, person("carol", "oncall"), "approve", channel="cli")
    with pytest.raises(Forbidden, match="carol requested this before it was edited"):
        guard.executor().execute(edited.id)
    assert guard.target.effects == 0


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_who_may_not_see_it_does_not_decide_on_it(
    engine: Engine, clock: FixedClock, verdict: Literal["approve", "reject"]
) -> None:
    document = yaml.safe_load(DEFAULT_POLICY.read_text(encoding="utf-8"))
    grants = [
        {"name": "the-agent-proposes", "may": ["propose"], "principals": ["agent:incident"]},
        {"name": "viewers-see", "may": ["see"], "roles": ["viewer"]},
    ]
    policy = Policy(parse_document(yaml.safe_dump(document | {"grants": grants}), where="blind"))
    guard = Guard(engine, clock, policy=policy)
    waiting = guard.approvals.request(proposal(clock))
    assert not guard.approvals.may_see(ALICE, waiting)
    with pytest.raises(Forbidden, match="may not see this"):
        guard.approvals.decide(waiting.id, ALICE, verdict, reason="no", channel="slack")
    assert guard.approvals.get(waiting.id).status == "pending"
