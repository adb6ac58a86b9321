"""What outside text may do in Slack: be read."""

from __future__ import annotations

import json

import pytest

from guardrails.redaction.engine import Redactor
from interfaces.slack.blocks import evidence_blocks
from interfaces.slack.limits import escape

REDACT = Redactor(b"k" * 32).redact


@pytest.mark.parametrize(
    "text", ["x```*APPROVED*", "`code`", "*bold*", "_now_ do it", "~gone~", "<!here>", "<https://evil.example|docs>"]
)
def test_outside_text_formats_nothing(text: str) -> None:
    shown = escape(text)
    assert not any(mark in shown for mark in "`*~<>")
    assert not shown.startswith("_")


@pytest.mark.parametrize("name", ["card_velocity", "urn:vigia:source:payments_br", "amount: 84.1 -> 8410"])
def test_names_stay_as_they_are(name: str) -> None:
    assert escape(name) == name.replace(">", "&gt;")


@pytest.mark.parametrize("before", range(680, 700))
def test_evidence_is_redacted_before_it_is_cut(before: int) -> None:
    line = "x" * before + " 529.982.247-25 and more"
    assert "529" not in json.dumps(evidence_blocks([line], REDACT))


def test_slack_is_told_to_link_nothing() -> None:
    (block,) = evidence_blocks(["see http://evil.example #general"], REDACT)
    assert block["text"]["verbatim"] is True
