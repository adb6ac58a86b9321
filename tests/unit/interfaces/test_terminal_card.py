"""The card in a terminal: what must be on it, and that text from outside stays text."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from agents.incident.card import IncidentCard
from guardrails.approvals.types import ApprovalRequest
from interfaces.terminal.card import render_card, render_outcome
from interfaces.terminal.charts import figure, render_chart, sparkline
from interfaces.terminal.proposal import print_approval
from interfaces.terminal.safety import safe_text
from tests.fakes.cards import NIGHT, incident_card, quarantine_proposal
from tools.contract import Chart, Series


@pytest.fixture
def request_() -> ApprovalRequest:
    return ApprovalRequest(
        id="apr_1",
        proposal=quarantine_proposal(),
        status="pending",
        rule="production-actions",
        approvers_needed=1,
        requested_at=NIGHT,
        expires_at=NIGHT + timedelta(minutes=30),
    )


def shown(what: object, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_card_says_what_broke_how_sure_and_what_would_be_done(request_: ApprovalRequest) -> None:
    card = incident_card(request_)
    text = " ".join(shown(render_card(card)).split())
    assert card.label in text
    assert card.most_likely is not None
    assert f"{card.most_likely.confidence:.2f}" in text
    assert card.proposal is not None
    for expected in (
        "critical · production · BR",
        "Most likely",
        "Proposed",
        "quarantine_since: ",
        "release the quarantine",
        card.proposal.digest_short,
        "expires 06:21 UTC",
        "no model used",
    ):
        assert expected in text


def test_every_line_fits_a_narrow_terminal(request_: ApprovalRequest) -> None:
    assert max(len(line) for line in shown(render_card(incident_card(request_)), width=60).splitlines()) <= 60


def test_markup_and_escape_sequences_from_outside_are_shown_as_text(request_: ApprovalRequest) -> None:
    hostile = "[bold red]approved[/] \x1b[2J\x1b]0;owned\x07 \u202edesrever"
    text = shown(render_card(incident_card(request_, title=hostile)))
    assert "[bold red]approved[/]" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert safe_text("tab\tand\nnewline stay") == "tab\tand\nnewline stay"


def test_a_decided_card_does_not_ask_again(request_: ApprovalRequest) -> None:
    card = incident_card(request_)
    assert card.approval is not None
    decided = card.model_copy(update={"approval": card.approval.model_copy(update={"status": "claimed"})})
    assert "expires" not in shown(render_card(decided))


@pytest.mark.parametrize("verdict", [None, "inconclusive"])
def test_without_a_cause_there_is_no_proposal(request_: ApprovalRequest, verdict: str | None) -> None:
    card = incident_card(request_).model_copy(
        update={"verdict": verdict, "proposal": None, "approval": None, "look_next": ("ask the upstream team",)}
    )
    text = shown(render_card(card))
    assert "Approve" not in text
    assert "Most likely" not in text
    assert ("ask the upstream team" in text) == (verdict is not None)


def test_the_outcome_is_the_head_alone(request_: ApprovalRequest) -> None:
    card: IncidentCard = incident_card(request_)
    text = shown(render_outcome(card))
    assert card.label in text
    assert "Most likely" not in text


def test_a_request_shows_what_the_decision_is_bound_to(request_: ApprovalRequest) -> None:
    console = Console(file=io.StringIO(), width=200)
    print_approval(request_, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert request_.proposal.digest in text
    assert "at revision 3 (production)" in text
    assert "quarantine_since" in text


def test_sparklines() -> None:
    assert sparkline([0, 50, 100], 0, 100) == "▁▅█"
    assert sparkline([5, 5], 5, 5) == "▁▁"
    moments = [datetime(2026, 11, 19, 5, minute, tzinfo=UTC) for minute in range(4)]
    series = Series(name="p50", points=tuple(zip(moments, (1.0, 1.0, 94.0, 94.0), strict=True)))
    lines = [
        line.plain
        for line in render_chart(Chart(title="amount", unit="BRL", series=(series,), marks=((moments[2], "deploy"),)))
    ]
    assert lines == ["amount (BRL)", "  p50 ▁▁██  1 → 94", "        ╵ deploy 05:02"]
    empty = render_chart(Chart(title="amount", unit="", series=(Series(name="p50", points=()),)))
    assert empty[1].plain == "  no points"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.01234"), (9.421, "9.42"), (94.2, "94.2"), (421.7, "422"), (9421, "9,421")],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert figure(value) == text
