"""What every gate promises, whatever it looks at."""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np
import pytest

from foundation.canonical import canonical_bytes
from foundation.errors import Unavailable
from platform_core.training.gates.judging import judged
from platform_core.training.gates.policy import DEFAULT_GATES, GatePolicy
from platform_core.training.gates.port import Case, LabelledRows, Replay, Rows
from platform_core.training.gates.registry import all_gates
from platform_core.training.gates.verdicts import GateVerdict
from tests.fakes.gates import END, NAMES, START, FakeEvidence, by_noise, by_risk, case, fast_policy, model

GATES = sorted(all_gates())
NEEDS_DATA = sorted(set(GATES) - {"latency", "documentation"})
_NONE = np.zeros(0)
NOTHING = {
    "rows": LabelledRows((), np.zeros((0, 0)), _NONE, _NONE, {}, START, END),
    "reference": Rows((), np.zeros((0, 0))),
    "newest": Rows((), np.zeros((0, 0))),
    "replayed": Replay(NAMES, np.zeros((0, 3)), np.zeros((0, 3))),
}


class Down(FakeEvidence):
    """Every store is down."""

    def _down(self) -> NoReturn:
        raise Unavailable("the offline store does not answer")

    held_out = training_rows = newest_rows = replay = card = declared_latency_ms = _down  # type: ignore[assignment]


def check(verdict: GateVerdict, gate: str) -> None:
    assert verdict.gate == gate
    assert verdict.said
    assert "\n" not in verdict.said
    assert verdict.outcome in ("passed", "failed", "could_not_be_judged")
    canonical_bytes(verdict.model_dump(mode="json"))  # it is stored and its digest is audited
    numbers = [v for v in (*verdict.figures.values(), *verdict.limits.values()) if isinstance(v, float)]
    assert all(math.isfinite(number) for number in numbers)


def test_the_policy_asks_for_gates_that_there_are_and_production_for_all_of_them() -> None:
    assert set(GATES) == set(DEFAULT_GATES["production"])
    assert all(set(gates) <= set(GATES) for gates in GatePolicy().gates.values())


@pytest.mark.parametrize("gate", GATES)
def test_a_good_model_passes_with_figures_and_limits(gate: str) -> None:
    verdict = judged(all_gates()[gate], case(model(by_risk), model(by_noise, version="1")))
    check(verdict, gate)
    assert verdict.outcome == "passed"
    assert verdict.figures
    assert verdict.limits
    assert all_gates()[gate].summary


@pytest.mark.parametrize("gate", GATES)
def test_a_store_that_is_down_lets_nothing_through(gate: str) -> None:
    verdict = judged(all_gates()[gate], Case(model(by_risk), None, fast_policy(), Down()))
    check(verdict, gate)
    assert verdict.outcome == "could_not_be_judged"
    assert "does not answer" in verdict.said


@pytest.mark.parametrize("gate", NEEDS_DATA)
def test_without_data_nothing_is_said_for_or_against(gate: str) -> None:
    verdict = judged(all_gates()[gate], case(model(by_risk), **NOTHING))
    check(verdict, gate)
    assert verdict.outcome == "could_not_be_judged"


@pytest.mark.parametrize("gate", sorted(set(GATES) - {"latency"}))
def test_asked_twice_a_gate_says_the_same(gate: str) -> None:
    about = case(model(by_noise), model(by_risk, version="1"))
    assert judged(all_gates()[gate], about) == judged(all_gates()[gate], about)
