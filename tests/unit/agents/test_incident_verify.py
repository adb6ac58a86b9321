from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.incident.types import VerificationResult
from agents.incident.verify import Verifier
from foundation.clock import FixedClock
from guardrails.proposal import PostCondition
from tools.contract import Figure, Observation


class Gauge:
    """A probe whose figure follows a script; its last value stays."""

    def __init__(self, *values: Figure) -> None:
        self._values = list(values)

    def __call__(self, tool: str, arguments: dict[str, Any]) -> Observation:
        del tool, arguments
        value = self._values.pop(0) if len(self._values) > 1 else self._values[0]
        if value is None:
            return Observation(status="no_data", summary="no requests in the window")
        return Observation(status="success", summary="ok", figures={"rate": value})


def condition(**changes: Any) -> PostCondition:
    values = {
        "tool": "score_distribution",
        "arguments": {},
        "figure": "rate",
        "operator": "<",
        "threshold": 0.02,
        "description": "decline rate is usual",
        "within_seconds": 60,
    }
    return PostCondition.model_validate(values | changes)


def verify(
    clock: FixedClock, probe: Gauge, conditions: list[PostCondition], naps: list[float] | None = None
) -> VerificationResult:
    """Look after look, as the worker does."""
    verifier, watch = Verifier(probe, clock), None
    while not isinstance(watch := verifier.look("exe_1", conditions, watch), VerificationResult):
        if naps is not None:
            naps.append(verifier.pause)
        clock.advance(timedelta(seconds=verifier.pause * clock.speed))
    return watch


def test_it_waits_until_the_figure_holds(clock: FixedClock) -> None:
    naps: list[float] = []
    result = verify(clock, Gauge(0.094, 0.05, 0.012), [condition()], naps)
    assert result.verified
    assert result.attempts == 3
    assert naps == [15, 15]
    assert result.checks == ("decline rate is usual: 0.012 (rate < 0.02) holds",)


def test_it_gives_up_when_the_time_is_over_and_says_what_it_saw(clock: FixedClock) -> None:
    result = verify(clock, Gauge(0.094), [condition()])
    assert not result.verified
    assert result.attempts == 5
    assert result.checks == ("decline rate is usual: 0.094 (rate < 0.02) does not hold",)


def test_no_data_proves_nothing(clock: FixedClock) -> None:
    result = verify(clock, Gauge(None), [condition(within_seconds=0)])
    assert not result.verified
    assert "no requests in the window" in result.checks[0]


def test_all_must_hold_in_the_same_poll(clock: FixedClock) -> None:
    # Asked in turn: the first condition sees 1, 9, 1 and the second 9, 1, 1.
    result = verify(clock, Gauge(1.0, 9.0, 9.0, 1.0, 1.0, 1.0), [condition(threshold=5.0), condition(threshold=5.0)])
    assert result.verified
    assert result.attempts == 3


@pytest.mark.parametrize(
    ("operator", "threshold", "seen", "holds"),
    [
        ("<", 2.0, 1, True),
        ("<=", 2.0, 2, True),
        (">", 2.0, 2, False),
        (">=", 2.0, 2, True),
        ("==", "running", "running", True),
        ("!=", "running", "failed", True),
        ("==", True, True, True),
        ("<", 2.0, "two", False),
    ],
)
def test_operators(clock: FixedClock, operator: str, threshold: Figure, seen: Figure, holds: bool) -> None:
    asked = condition(operator=operator, threshold=threshold, within_seconds=0)
    assert verify(clock, Gauge(seen), [asked]).verified is holds


def test_on_a_fast_clock_the_pauses_are_short() -> None:
    class Fast(FixedClock):
        speed = 60.0

    naps: list[float] = []
    clock = Fast(datetime(2026, 11, 19, 5, 51, tzinfo=UTC))
    verify(clock, Gauge(0.094, 0.012), [condition()], naps)
    assert naps == [0.25]


def test_without_conditions_the_receipt_is_the_proof(clock: FixedClock) -> None:
    assert verify(clock, Gauge(1.0), []).verified
