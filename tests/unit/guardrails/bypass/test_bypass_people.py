"""Attacks through people: approving one's own request, without the role, for another tenant, or as a machine."""

from __future__ import annotations

import pytest

from platform_core.access.principals import Principal
from tests.fakes.bypass import Bench, Disarmed
from tests.fakes.guarded import ALICE, person

MALLORY = person("mallory", "viewer", "responder")
ANA = person("ana", "oncall", tenants=frozenset({"ar"}))
AGENT = Principal(id="agent:incident", name="agent", roles=frozenset({"admin"}), tenants=frozenset({"*"}))


def act(bench: Bench, who: Principal, *, requested_by: str = "agent:incident") -> None:
    """Ask, approve as `who`, execute; every refusal is ignored."""
    bench.people[who.id] = who
    ids: list[str] = []
    bench.attempt(
        lambda: ids.append(bench.approvals.request(bench.proposal(requested_by=requested_by)).id),
        lambda: bench.approvals.decide(ids[0], who, "approve", channel="http"),
        lambda: bench.executor().execute(ids[0]),
    )
    assert ids, "the request itself is nobody's attack"


def test_self_approval(bench: Bench, disarmed: Disarmed, guarded: bool) -> None:
    if not guarded:
        disarmed.people()
    act(bench, ALICE, requested_by=ALICE.id)
    assert bench.effects == (0 if guarded else 1)


@pytest.mark.parametrize("who", [MALLORY, AGENT], ids=["viewer", "agent"])
def test_without_the_role(bench: Bench, disarmed: Disarmed, guarded: bool, who: Principal) -> None:
    if not guarded:
        disarmed.people()
    act(bench, who)
    assert bench.effects == (0 if guarded else 1)


def test_for_another_tenant(bench: Bench, disarmed: Disarmed, guarded: bool) -> None:
    if not guarded:
        disarmed.people()
    act(bench, ANA)
    assert bench.effects == (0 if guarded else 1)


def test_a_role_that_is_revoked_between_the_check_and_the_claim(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    approval_id = bench.approved()

    def revoke(*_: object) -> None:
        del bench.people[ALICE.id]
        if not guarded:
            monkeypatch.setattr("guardrails.executor.checks.require_policy", lambda *_, **__: None)

    monkeypatch.setattr("guardrails.executor.checks.require_same_target", revoke)
    bench.attempt(lambda: bench.executor().execute(approval_id))
    assert bench.effects == (0 if guarded else 1)
