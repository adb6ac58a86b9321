"""When the demo calls its own story a failure."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from agents.diagnosis.signs.changes import DEPLOY_BEFORE
from agents.diagnosis.types import Finding
from agents.diagnosis.wording import say
from agents.incident.card import IncidentCard
from guardrails.approvals.types import ApprovalRequest
from interfaces.demo.judging import problems
from interfaces.demo.options import DemoOptions
from interfaces.demo.result import AuditResult
from interfaces.demo.story import Told
from tests.fakes.cards import NIGHT, incident_card, quarantine_proposal


def card_request(status: Literal["rejected", "expired", "pending"] = "pending") -> ApprovalRequest:
    return ApprovalRequest(
        id="apr_1",
        proposal=quarantine_proposal(),
        status=status,
        rule="production",
        approvers_needed=1,
        requested_at=NIGHT,
        expires_at=NIGHT + timedelta(minutes=30),
    )


def _card(*texts: str) -> IncidentCard:
    card = incident_card(card_request())
    assert card.most_likely is not None
    findings = tuple(Finding(text=text, evidence_ids=("E9",), weight=1.9) for text in texts)
    return card.model_copy(update={"most_likely": card.most_likely.model_copy(update={"supporting": findings})})


def _problems(card: IncidentCard) -> list[str]:
    return problems(DemoOptions(), Told(cards=[card]), "unit_change", AuditResult(entries=1, verified=True))


def test_a_card_that_does_not_cite_the_deploy_is_a_failure() -> None:
    figures = {"deploy_subject": "urn:vigia:deployment:ingest-br", "deploy_version": "4.7.0"}
    cited = _problems(_card(say(DEPLOY_BEFORE.holds, figures | {"deploy_minutes_before": 0.4})))
    missed = _problems(_card(say(DEPLOY_BEFORE.fails, figures)))
    assert not any("deploy" in problem for problem in cited)
    assert any("the deploy that did it is not among the supporting evidence" in problem for problem in missed)


@pytest.mark.parametrize("options", [DemoOptions(), DemoOptions(reject=True)])
@pytest.mark.parametrize("status", ["rejected", "expired", "pending"])
def test_what_nobody_approved_must_have_changed_nothing(
    options: DemoOptions, status: Literal["rejected", "expired", "pending"]
) -> None:
    """Whether the no came beforehand, from the prompt or from anywhere else."""
    card = _card("it was deployed")
    assert card.approval is not None
    request = card_request(status)
    audit = AuditResult(entries=1, verified=True)
    touched = Told(cards=[card], request=request, untouched=False)
    quiet = Told(cards=[card], request=request, untouched=True)
    found = {told.untouched: problems(options, told, "unit_change", audit) for told in (touched, quiet)}
    if status == "pending" and not options.reject:
        assert any("was not executed" in problem for problem in found[True])
        return
    assert len(found[False]) == len(found[True]) + 1
    assert (status != "rejected" and options.reject) == any("although it was rejected" in p for p in found[True])
