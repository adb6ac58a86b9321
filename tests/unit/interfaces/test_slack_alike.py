"""Requests that are alike, decided together in Slack: offered, shown whole, each decided and told by itself."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from guardrails.approvals.types import ApprovalRequest
from guardrails.proposal import PlannedChange
from interfaces.slack.ids import ActionId, BlockId, CallbackId
from tests.fakes.cards import quarantine_proposal
from tests.fakes.guarded import ALICE, BOB, Guard
from tests.fakes.pressing import BRUNA, EVE, Pressing


@pytest.fixture
def guard(engine: Engine, clock: FixedClock) -> Guard:
    return Guard(engine, clock)


def another(guard: Guard, number: int, *, tenant: str = "br", length: int = 4) -> ApprovalRequest:
    proposal = quarantine_proposal(incident_id=f"inc_{number}", proposal_id=f"prp_{number}")
    changes = (PlannedChange(field="quarantine_since", before="b" * length, after=f"after-{number}"),)
    plan = proposal.plan.model_copy(update={"changes": changes, "tenant": tenant})
    return guard.approvals.request(proposal.model_copy(update={"plan": plan}))


def chosen(view: dict[str, Any], verdict: str, reason: str | None = None) -> dict[str, Any]:
    values = {
        BlockId.VERDICT: {"chosen": {"selected_option": {"value": verdict}}},
        BlockId.REASON: {"chosen": {"value": reason}},
    }
    return {**view, "state": {"values": values}}


def opened(slack: Pressing, who: str) -> dict[str, Any]:
    """The form, by way of the offer after the first decision."""
    slack.press("approve", who)
    (blocks,) = slack.offered
    (press,) = blocks[-1]["elements"]
    assert press["action_id"] == ActionId.ALIKE
    slack.press("alike.open", who, actions=[press])
    return slack.opened[-1]


def test_who_decided_one_is_offered_the_others_and_decides_them(guard: Guard) -> None:
    slack = Pressing(guard, quarantine_proposal())
    others = [another(guard, number) for number in (2, 3, 4)]
    view = opened(slack, ALICE.name)
    assert slack.told == ["3 more like this wait: quarantine_source"]
    assert view["callback_id"] == CallbackId.ALIKE
    assert all(f"after-{number}" in str(view["blocks"]) for number in (2, 3, 4))
    assert len(view["private_metadata"]) < 3000
    guard.approvals.decide(others[1].id, BOB, "reject", reason="not this one", channel="cli")
    slack.press("alike.decide_all", ALICE.name, view=chosen(view, "approve"))
    assert [guard.approvals.get(each.id).status for each in others] == ["approved", "rejected", "approved"]
    lines = slack.told[-1].splitlines()
    assert len(lines) == 3
    assert sum("already rejected by human:bob" in line for line in lines) == 1
    assert guard.audited().count("approval.granted") == 3


def test_a_rejection_of_many_needs_its_reason_too(guard: Guard) -> None:
    slack = Pressing(guard, quarantine_proposal())
    other = another(guard, 2)
    view = opened(slack, ALICE.name)
    slack.press("alike.decide_all", ALICE.name, view=chosen(view, "reject"))
    assert "a rejection needs a reason" in str(slack.acks[-1]["errors"][BlockId.REASON])
    assert guard.approvals.get(other.id).status == "pending"
    slack.press("alike.decide_all", ALICE.name, view=chosen(view, "reject", "the deploy is rolled back"))
    (decision,) = guard.approvals.get(other.id).decisions
    assert (decision.verdict, decision.reason, decision.channel) == ("reject", "the deploy is rolled back", "slack")


def test_nobody_is_shown_or_decides_what_is_not_theirs(guard: Guard) -> None:
    slack = Pressing(guard, quarantine_proposal())
    mexican = another(guard, 2, tenant="mx")
    slack.press("approve", BRUNA.name)
    assert slack.offered == [], "what waits is another tenant's"
    another(guard, 3)
    slack.press("alike.open", BRUNA.name)
    assert mexican.id not in str(slack.opened[-1])
    slack.press("alike.open", EVE.name)
    assert "nothing like" in slack.told[-1]
    slack.press("alike.decide_all", EVE.name, view=chosen(slack.opened[-1], "approve"))
    assert "was not decided" in slack.told[-1]
    assert guard.approvals.get(mexican.id).status == "pending"


def test_more_than_a_form_holds_is_decided_elsewhere(guard: Guard) -> None:
    slack = Pressing(guard, quarantine_proposal())
    for number in range(2, 9):
        another(guard, number, length=60_000)
    slack.press("alike.open", ALICE.name)
    assert "more than Slack can show" in slack.told[-1]
    assert f"vigia approvals like {slack.request.id}" in slack.told[-1]


def test_what_became_of_many_is_told_to_the_last(guard: Guard) -> None:
    slack = Pressing(guard, quarantine_proposal())
    others = [another(guard, number) for number in range(2, 42)]
    view = opened(slack, ALICE.name)
    for each in others:
        guard.approvals.decide(each.id, BOB, "reject", reason="not this one", channel="cli")
    slack.press("alike.decide_all", ALICE.name, view=chosen(view, "approve"))
    told = slack.offered[-1]
    assert all(f"{each.id} was not decided" in str(told) for each in others)
    assert all(len(block["text"]["text"]) <= 3000 for block in told)
