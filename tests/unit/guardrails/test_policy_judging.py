"""Default-deny: the matrix of the built-in policy, and how rules combine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.clock import FixedClock
from guardrails.policy.document import PolicyDocument
from guardrails.policy.policy import Policy
from guardrails.policy.types import PolicyQuestion
from platform_core.access.principals import Principal
from tests.fakes.guarded import ALICE, BOB, person, proposal

NOW = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
ACT_TOOLS = [
    "restart_connector",
    "map_column",
    "unmap_column",
    "rollback_deploy",
    "quarantine_source",
    "release_quarantine",
    "rebaseline_monitor",
    "rollback_rollout",
    "set_canary",
    "cancel_job",
    "start_job",
    "scale_endpoint",
]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.load(None)


def question(**changes: Any) -> PolicyQuestion:
    values: dict[str, Any] = {
        "tool": "restart_connector",
        "tier": "reversible",
        "environment": "production",
        "tenant": "br",
        "at": NOW,
    }
    return PolicyQuestion(**values | changes)


def with_rules(*rules: dict[str, Any], freezes: list[dict[str, Any]] | None = None) -> Policy:
    return Policy(PolicyDocument.model_validate({"version": 1, "rules": rules, "freezes": freezes or []}))


def rule(name: str, effect: str, **changes: Any) -> dict[str, Any]:
    match = {"tools": ["*"], "tiers": ["reversible"], "environments": ["production"]} | changes.pop("match", {})
    asking = {"approvers_needed": 1, "approver_roles": ["oncall", "approver"]} if effect == "require_approval" else {}
    return {"name": name, "description": name, "match": match, "effect": effect} | asking | changes


@pytest.mark.parametrize("tool", ACT_TOOLS)
@pytest.mark.parametrize(
    ("environment", "tier", "effect"),
    [
        ("production", "reversible", "require_approval"),
        ("production", "costly", "require_approval"),
        ("production", "irreversible", "deny"),
        ("staging", "reversible", "allow"),
        ("dev", "reversible", "allow"),
        ("staging", "costly", "deny"),
        ("dev", "irreversible", "deny"),
        ("production", "read", "allow"),
        ("dev", "read", "allow"),
    ],
)
def test_the_matrix_of_the_default_policy(policy: Policy, tool: str, environment: str, tier: str, effect: str) -> None:
    verdict = policy.judge(question(tool=tool, environment=environment, tier=tier))
    assert verdict.effect == effect, verdict
    assert verdict.approvers_needed == (1 if effect == "require_approval" else 0)
    assert verdict.reason


@pytest.mark.parametrize("tool", ["drop_table", "restart_connector2", "RESTART_CONNECTOR", "", "*"])
def test_an_unknown_tool_is_denied(policy: Policy, tool: str) -> None:
    verdict = policy.judge(question(tool=tool))
    assert (verdict.effect, verdict.rule) == ("deny", "none")


def test_no_rules_at_all_deny() -> None:
    assert with_rules().judge(question(tier="read")).effect == "deny"


def test_a_wide_blast_radius_is_denied(policy: Policy) -> None:
    assert policy.judge(question(endpoints=50)).effect == "require_approval"
    verdict = policy.judge(question(endpoints=51))
    assert (verdict.effect, verdict.rule) == ("deny", "production-actions")
    assert verdict.reason == "it reaches 51 endpoints, more than 50"


def test_the_strictest_rule_counts_whatever_the_order() -> None:
    ask, deny = rule("ask", "require_approval"), rule("no", "deny", match={"tools": ["restart_*"]})
    for rules in ([ask, deny], [deny, ask]):
        assert with_rules(*rules).judge(question()).rule == "no"
        assert with_rules(*rules).judge(question(tool="cancel_job")).effect == "require_approval"


def test_rules_that_ask_add_up() -> None:
    one = rule("one", "require_approval", approver_roles=["oncall", "approver"])
    two = rule("two", "require_approval", approvers_needed=2, approver_roles=["approver", "admin"])
    verdict = with_rules(one, two).judge(question())
    assert (verdict.rule, verdict.approvers_needed) == ("one + two", 2)
    assert verdict.approver_roles == {"approver"}
    nobody = rule("three", "require_approval", approver_roles=["admin"])
    assert with_rules(one, nobody).judge(question()).effect == "deny"


@given(
    st.lists(st.sampled_from(["allow", "require_approval", "deny"]), max_size=5),
    st.sampled_from(["deny", "require_approval"]),
)
def test_adding_a_stricter_rule_never_makes_it_easier(effects: list[str], added: str) -> None:
    order = ["allow", "require_approval", "deny"]
    staging = {"environments": ["staging"]}
    rules = [rule(f"r{number}", effect, match=staging) for number, effect in enumerate(effects)]
    more = [*rules, rule("more", added, match=staging)]
    before = with_rules(*rules).judge(question(environment="staging")) if rules else None
    after = with_rules(*more).judge(question(environment="staging"))
    assert order.index(after.effect) >= order.index(before.effect if before else "allow")


def test_rules_match_tenants_and_the_requesters_roles() -> None:
    brazil = with_rules(rule("br", "require_approval", match={"tenants": ["b?"]}))
    assert brazil.judge(question(tenant="br")).effect == "require_approval"
    assert brazil.judge(question(tenant="ar")).effect == "deny"
    assert brazil.judge(question(tenant=None)).effect == "deny"
    asked = with_rules(rule("oncall", "require_approval", match={"requester_roles": ["oncall"]}))
    assert asked.judge(question()).effect == "deny"
    assert asked.judge(question(requester_roles=["oncall", "viewer"])).effect == "require_approval"


def test_a_freeze_wins() -> None:
    freeze = {
        "name": "black-friday",
        "reason": "peak season",
        "start": "2026-11-19T05:00:00Z",
        "end": "2026-11-19T06:00:00Z",
        "tenants": ["br"],
        "except_tools": ["rollback_*"],
    }
    ask = rule("ask", "require_approval")
    read = rule("read", "allow", match={"tiers": ["read"]})
    frozen = with_rules(ask, read, freezes=[freeze])
    verdict = frozen.judge(question())
    assert (verdict.effect, verdict.rule) == ("deny", "black-friday")
    assert verdict.reason == "changes are frozen until 2026-11-19T06:00+00:00: peak season"
    assert frozen.judge(question(tenant=None)).effect == "deny", "what belongs to no tenant touches the frozen one"
    for changes in (
        {"tenant": "ar"},
        {"tool": "rollback_deploy"},
        {"at": datetime(2026, 11, 19, 6, tzinfo=UTC)},
        {"at": datetime(2026, 11, 19, 4, 59, tzinfo=UTC)},
    ):
        assert frozen.judge(question(**changes)).effect == "require_approval", changes
    assert frozen.judge(question(tier="read")).effect == "allow"


@pytest.mark.parametrize(
    ("principal", "reason"),
    [
        (ALICE, None),
        (BOB, None),
        (person("eve", "viewer"), "none of the roles"),
        (person("rita", "responder"), "none of the roles"),
        (person("ana", "oncall", tenants=frozenset({"ar"})), "may not act for tenant br"),
        (person("bia", "oncall", tenants=frozenset({"br"})), None),
        (Principal(id="agent:incident", name="a", roles=frozenset({"admin"}), tenants=frozenset({"*"})), "no person"),
        (Principal(id="service:worker", name="w", roles=frozenset({"admin"}), tenants=frozenset({"*"})), "no person"),
    ],
)
def test_who_may_decide(policy: Policy, clock: FixedClock, principal: Principal, reason: str | None) -> None:
    right = policy.may_decide(principal, proposal(clock))
    assert right.allowed is (reason is None), right
    assert reason is None or reason in right.reason


def test_nobody_approves_their_own_request(policy: Policy, clock: FixedClock) -> None:
    assert not policy.may_decide(ALICE, proposal(clock, requested_by=ALICE.id)).allowed
    assert policy.may_decide(BOB, proposal(clock, requested_by=ALICE.id)).allowed


def test_a_thing_of_no_tenant_needs_the_grant_over_all(policy: Policy, clock: FixedClock) -> None:
    assert policy.may_decide(ALICE, proposal(clock, tenant=None)).allowed
    one = person("bia", "oncall", tenants=frozenset({"br"}))
    assert not policy.may_decide(one, proposal(clock, tenant=None)).allowed


def test_the_digest_tells_policies_apart() -> None:
    first, second = with_rules(rule("a", "deny")), with_rules(rule("b", "deny"))
    assert first.digest == with_rules(rule("a", "deny")).digest != second.digest
