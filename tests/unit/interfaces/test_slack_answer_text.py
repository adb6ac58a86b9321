"""What an answer looks like in Slack: every summary once."""

from __future__ import annotations

from agents.chat.types import Answer, Citation
from interfaces.bootstrap.slack import answer_text

LATE = Citation(id="T1", source="freshness", arguments={}, status="success", summary="br is 12 min old")


def answer(text: str, author: str) -> Answer:
    return Answer(question="is br late?", intent="freshness", text=text, citations=(LATE,), author=author)


def test_the_rules_say_each_summary_once() -> None:
    text = f"{LATE.summary} [T1]"
    assert answer_text(answer(text, "rules")) == text


def test_what_a_model_wrote_is_followed_by_what_it_rests_on() -> None:
    said = answer_text(answer("Brazil lags behind [T1].", "some-model"))
    assert said == f"Brazil lags behind [T1].\n\n[T1] freshness: {LATE.summary}"
