"""Work is bounded by the text, whatever the text is; what is over a limit is withheld, and says so."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from foundation.outside_text import WITHHELD, OutsideText
from guardrails.redaction.budget import Budget
from guardrails.redaction.engine import Redactor
from guardrails.redaction.errors import RedactionBlocked
from tests.fakes.hostile import hostile

KEY = b"a key for tests, 32 bytes long.."
REDACTOR = Redactor(KEY)
SMALL, LARGE = 3_000, 24_000
MOST_WORK = 40
"""For each character of a text, in bytes scanned: a dozen forms at most, and their candidates."""


class Counted:
    """A redactor whose work on a text can be read: bytes scanned and candidates looked at, no matter how fast."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.work = 0
        spend = Budget.spend

        def counting(budget: Budget, work: int) -> None:
            self.work += work
            spend(budget, work)

        patch.setattr(Budget, "spend", counting)

    def on(self, text: str) -> int:
        self.work = 0
        REDACTOR.redact(text)
        return self.work


def test_work_grows_with_the_text_and_not_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    for size in (SMALL, LARGE):
        for name, text in hostile(size):
            each = counted.on(text) / len(text)
            assert each <= MOST_WORK, f"{name}: {each:.0f} bytes of work for each of {size} characters"


def test_ordinary_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "payments_br: 120000 rows of 12 columns, p50 12.31, psi 0.0312; materialize-card_velocity ran\n" * 50
    assert Counted(monkeypatch).on(text) == len(text)


def test_a_text_that_is_too_long_is_withheld() -> None:
    engine = Redactor(KEY, max_characters=1000)
    assert engine.redact("a" * 1000) == "a" * 1000
    with pytest.raises(RedactionBlocked, match="too long"):
        engine.redact("a" * 1001)
    assert OutsideText(engine.redact).text("a" * 1001) == WITHHELD


def ticking(seconds: float) -> Callable[[], float]:
    count = itertools.count()
    return lambda: next(count) * seconds


def test_a_text_that_takes_too_long_is_withheld() -> None:
    engine = Redactor(KEY, timer=ticking(60))
    with pytest.raises(RedactionBlocked, match="too long"):
        engine.redact("cpf 529.982.247-25")
    with pytest.raises(RedactionBlocked, match="too long"):
        engine.spans("nothing of interest")


def test_a_text_that_takes_too_much_work_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardrails.redaction.budget._AT_LEAST", 100)
    monkeypatch.setattr("guardrails.redaction.budget._PER_BYTE", 2)
    with pytest.raises(RedactionBlocked, match="too much work"):
        REDACTOR.redact("4111111111111111 " * 200)


def test_nothing_of_the_text_is_in_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("529.982.247-25")

    monkeypatch.setattr("guardrails.redaction.engine.in_characters", broken)
    with pytest.raises(RedactionBlocked) as raised:
        REDACTOR.redact("cpf 529.982.247-25")
    assert "529" not in str(raised.value)
    assert raised.value.__cause__ is None
