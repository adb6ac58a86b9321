"""Hours, grants, named approvers, blast radius, broken glass: what a file may say beyond who must agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foundation.clock import FixedClock
from foundation.errors import InvalidInput
from guardrails.policy.document import PolicyDocument
from guardrails.policy.explaining import explain
from guardrails.policy.hours import Hours
from guardrails.policy.loading import parse_document
from guardrails.policy.policy import Policy
from guardrails.policy.types import PolicyQuestion
from tests.fakes.guarded import ALICE, BOB, proposal

NOON = datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
"""A Thursday, 12:00 in São Paulo."""

OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00", "zone": "America/Sao_Paulo"}
NIGHT = {"days": ["fri"], "from": "22:00", "to": "06:00", "zone": "America/Sao_Paulo"}
FREEZE = {"name": "freeze", "reason": "peak", "start": "2026-11-19T00:00:00Z", "end": "2026-11-20T00:00:00Z"}


def question(**changes: Any) -> PolicyQuestion:
    values = {"tool": "set_canary", "tier": "reversible", "environment": "production", "tenant": "br", "at": NOON}
    return PolicyQuestion.model_validate(values | changes)


def ask(name: str = "ask", **changes: Any) -> dict[str, Any]:
    match = {"tools": ["*"], "tiers": ["reversible"], "environments": ["production"]} | changes.pop("match", {})
    asking = {"effect": "require_approval", "approvers_needed": 2, "approver_roles": ["oncall", "approver"]}
    return {"name": name, "description": name, "match": match} | asking | changes


def policy(*rules: dict[str, Any], **sections: Any) -> Policy:
    return Policy(PolicyDocument.model_validate({"version": 1, "rules": rules} | sections))


@pytest.mark.parametrize(
    ("hours", "at", "inside"),
    [
        (OFFICE, "2026-11-19T15:00:00Z", True),
        (OFFICE, "2026-11-19T11:00:00Z", True),  # 08:00, the first minute
        (OFFICE, "2026-11-19T21:00:00Z", False),  # 18:00, the first minute after
        (OFFICE, "2026-11-21T15:00:00Z", False),  # a Saturday
        (NIGHT, "2026-11-21T02:00:00Z", True),  # Friday 23:00 there
        (NIGHT, "2026-11-21T08:59:00Z", True),  # Saturday 05:59, of Friday's night
        (NIGHT, "2026-11-21T09:00:00Z", False),
        (NIGHT, "2026-11-20T08:00:00Z", False),  # Friday 05:00 belongs to Thursday's night
    ],
)
def test_a_weekly_window_in_local_time(hours: dict[str, Any], at: str, inside: bool) -> None:
    assert Hours.model_validate(hours).hold(datetime.fromisoformat(at)) is inside


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"zone": "Brazil/Nowhere"}, "not a time zone"),
        ({"from": "18:00"}, "empty"),
        ({"from": 1110}, "quotes"),
        ({"days": ["domingo"]}, "'mon'"),
        ({"days": []}, "at least 1"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(wrong: dict[str, Any], reason: str) -> None:
    rule = ask(match={"hours": OFFICE | {"to": "18:00"} | wrong})
    with pytest.raises(InvalidInput, match=reason):
        parse_document(str({"version": 1, "rules": [rule]}), where="policy.yaml")


def test_a_rule_counts_only_in_its_hours() -> None:
    office = policy(ask(match={"hours": OFFICE}))
    assert office.judge(question()).effect == "require_approval"
    assert office.judge(question(at=NOON + timedelta(hours=8))).effect == "deny"


def test_grants_say_who_may_see_propose_and_execute() -> None:
    standard = policy(ask())
    assert standard.may("propose", "agent:incident", frozenset(), question()).allowed
    assert standard.may("execute", "service:worker", frozenset(), question()).allowed
    for verb, who, roles in (
        ("execute", "agent:incident", frozenset()),
        ("execute", "human:root", frozenset({"admin"})),
        ("execute", "service:worker2", frozenset()),
        ("propose", "human:eve", frozenset({"viewer"})),
        ("propose", "service:worker", frozenset()),
        ("see", "human:nobody", frozenset()),
    ):
        refused = standard.may(verb, who, roles, question())  # type: ignore[arg-type]
        assert not refused.allowed, (verb, who)
        assert refused.reason == f"no grant lets {who} {verb} 'set_canary' in production"
    nobody = policy(ask(), grants=[])
    assert not nobody.may("execute", "service:worker", frozenset(), question()).allowed
    narrow = {"name": "br", "may": ["propose"], "principals": ["agent:*"], "tenants": ["br"], "tools": ["set_*"]}
    brazil = policy(ask(), grants=[narrow | {"hours": OFFICE}])
    assert brazil.may("propose", "agent:incident", frozenset(), question()).allowed
    for changes in ({"tenant": "ar"}, {"tenant": None}, {"tool": "cancel_job"}, {"at": NOON + timedelta(hours=9)}):
        assert not brazil.may("propose", "agent:incident", frozenset(), question(**changes)).allowed, changes


def test_n_of_m_named_people(clock: FixedClock) -> None:
    named = policy(ask(approver_ids=["human:alice", "human:bob"], match={"tools": ["*"]}))
    asked = proposal(clock, tool="set_canary")
    assert named.may_decide(ALICE, asked).allowed
    carla = ALICE.model_copy(update={"id": "human:carla"})
    assert "none of those named" in named.may_decide(carla, asked).reason
    with pytest.raises(InvalidInput, match="can never be had"):
        parse_document(str({"version": 1, "rules": [ask(approver_ids=["human:bob"])]}), where="p")
    both = policy(ask(approver_ids=[ALICE.id, BOB.id]), ask("other", approver_ids=[BOB.id, "human:carla"]))
    assert both.judge(question()).effect == "deny", "two of the one person whom both rules name"


@pytest.mark.parametrize(
    ("limit", "reached"),
    [("endpoints", {"endpoints": 3}), ("models", {"models": 3}), ("feature_views", {"feature_views": 3})],
)
def test_a_blast_radius_beyond_the_limit_is_denied(limit: str, reached: dict[str, int]) -> None:
    limited = policy(ask(**{f"max_blast_radius_{limit}": 2}))
    verdict = limited.judge(question(**reached))
    assert (verdict.effect, verdict.rule) == ("deny", "ask")
    assert "more than 2" in verdict.reason
    assert limited.judge(question(break_glass=True, **reached)).effect == "deny", "no glass lifts that"


def test_broken_glass_lifts_what_the_file_says_and_no_more() -> None:
    frozen = policy(ask(), freezes=[FREEZE])
    assert frozen.judge(question()).rule == "freeze"
    lifted = frozen.judge(question(break_glass=True))
    assert (lifted.effect, lifted.approvers_needed, lifted.rule) == ("require_approval", 1, "ask + break-glass")
    only = policy(ask(), freezes=[FREEZE], break_glass={"lifts": ["freezes"]})
    assert only.judge(question(break_glass=True)).approvers_needed == 2
    never = policy(ask(), freezes=[FREEZE], break_glass={"lifts": []})
    assert never.judge(question(break_glass=True)).effect == "deny"
    denied = policy(ask(), {**ask("no"), "effect": "deny", "approvers_needed": 0, "approver_roles": []})
    assert denied.judge(question(break_glass=True)).effect == "deny"


def test_an_explanation_names_what_decided_and_why_the_rest_did_not() -> None:
    other = ask("other", match={"tools": ["cancel_job"]})
    told = explain(
        policy(ask(), other, freezes=[FREEZE]), question(), proposer="agent:incident", executor="service:worker"
    )
    by_name = {item.name: item for item in told.considered}
    assert (told.effect, told.rule) == ("deny", "freeze")
    assert by_name["freeze"].outcome == "decided"
    assert by_name["ask"].why == "a freeze wins over every rule"
    assert by_name["other"].why == "set_canary is none of its tools"
    glass = explain(
        policy(ask(), freezes=[FREEZE]), question(break_glass=True), proposer="human:eve", executor="service:worker"
    )
    by_name = {item.name: item for item in glass.considered}
    assert by_name["freeze"].why == "the glass is broken"
    assert by_name["ask"].outcome == "decided"
    assert by_name["none"].why == "no grant lets human:eve propose 'set_canary' in production"


def test_two_processes_compute_the_same_digest() -> None:
    one = policy(ask(approver_roles=["oncall", "approver", "admin"]), freezes=[FREEZE])
    two = policy(ask(approver_roles=["admin", "approver", "oncall"]), freezes=[FREEZE])
    assert one.digest == two.digest != policy(ask()).digest
