"""No policy file, however it is written, lets production change without a person who did not ask for it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any, get_args

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InvalidInput
from guardrails.policy.document import Match, PolicyDocument, Rule
from guardrails.policy.loading import parse_document
from guardrails.policy.policy import Policy
from guardrails.policy.types import AnyTier, PolicyQuestion
from platform_core.access.principals import Environment, Role

NOW = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
TIERS: list[AnyTier] = ["reversible", "costly", "irreversible"]
ENVIRONMENTS = list(get_args(Environment))

_tools = st.lists(st.sampled_from(["*", "restart_*", "restart_connector", "[a-z]*", "scale_endpoint"]), max_size=3)
_subset = st.lists(st.sampled_from(["read", *TIERS]), max_size=4)
_match = st.fixed_dictionaries(
    {"tools": _tools, "tiers": _subset, "environments": st.lists(st.sampled_from(ENVIRONMENTS), max_size=3)},
    optional={"tenants": st.just(["*"]), "requester_roles": st.lists(st.sampled_from(get_args(Role)), max_size=2)},
)
_rule = st.fixed_dictionaries(
    {"description": st.just("d"), "match": _match, "effect": st.sampled_from(["allow", "require_approval", "deny"])},
    optional={
        "approvers_needed": st.integers(0, 3),
        "approver_roles": st.lists(st.sampled_from(["oncall", "approver", "admin"]), max_size=3),
        "requester_may_approve": st.booleans(),
    },
)
_glass = st.fixed_dictionaries({}, optional={"lifts": st.lists(st.sampled_from(["freezes", "approvers"]), max_size=2)})


def questions() -> list[PolicyQuestion]:
    return [
        PolicyQuestion(tool=tool, tier=tier, environment="production", tenant=tenant, break_glass=glass, at=NOW)
        for tool, tier, tenant, glass in itertools.product(
            ["restart_connector", "scale_endpoint"], TIERS, ["br", None], [False, True]
        )
    ]


def holds(policy: Policy) -> None:
    for question in questions():
        verdict = policy.judge(question)
        assert verdict.effect != "allow", (verdict, question)
        if verdict.effect == "require_approval":
            assert verdict.approvers_needed >= 1
            assert not verdict.requester_may_approve


@settings(max_examples=80, deadline=None)
@given(st.lists(_rule, max_size=5), _glass)
def test_no_file_that_loads_allows_a_production_action(rules: list[dict[str, Any]], glass: dict[str, Any]) -> None:
    named = [rule | {"name": f"r{number}"} for number, rule in enumerate(rules)]
    text = yaml.safe_dump({"version": 1, "rules": named, "break_glass": glass})
    try:
        document = parse_document(text, where="policy.yaml")
    except InvalidInput:
        return  # refused at load: it never comes into force
    holds(Policy(document))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            Rule.model_construct,
            name=st.just("r"),
            description=st.just("d"),
            match=st.builds(
                Match.model_construct,
                tools=st.just(("*",)),
                tiers=st.just(tuple(TIERS)),
                environments=st.just(tuple(ENVIRONMENTS)),
            ),
            effect=st.sampled_from(["allow", "require_approval"]),
            approvers_needed=st.integers(0, 2),
            approver_roles=st.sampled_from([frozenset(), frozenset({"oncall"})]),
            requester_may_approve=st.booleans(),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_the_floor_holds_without_the_check_at_load(rules: list[Rule]) -> None:
    """Rules as no file can have them, as if the validation had a hole: the floor is code of its own."""
    for rule in rules:
        assert rule.match.environments == tuple(ENVIRONMENTS)
    policy = Policy(PolicyDocument.model_construct(version=1, rules=tuple(rules), freezes=(), grants=()))
    holds(policy)


def test_the_control_without_the_floor_such_rules_do_allow(monkeypatch: Any) -> None:
    monkeypatch.setattr("guardrails.policy.policy._floored", lambda verdict, question: verdict)
    match = Match.model_construct(tools=("*",), tiers=("reversible",), environments=("production",))
    rule = Rule.model_construct(name="r", description="d", match=match, effect="allow")
    policy = Policy(PolicyDocument.model_construct(version=1, rules=(rule,), freezes=(), grants=()))
    assert policy.judge(questions()[0]).effect == "allow"
