"""The oracle's test can fail: faults planted in the join are each caught by it.

A mutant is the join's own source with one piece of it replaced, loaded beside the original; nothing of it is a switch
in the product. The piece must be there exactly once, so that no mutant is vacuous.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from tests.fakes.point_in_time import check, random_case

ROOT = "platform_core.features."
CHAIN = (
    "point_in_time.moments",
    "point_in_time.questions",
    "point_in_time.newest",
    "point_in_time.join",
    "point_in_time.view_history",
    "point_in_time.columns",
    "historical",
)
"""The modules of the join, in the order of their imports."""

CASES = 200
ANSWER = "HistoricalFeatures(rows, tuple(reports))"


@dataclass(frozen=True)
class Mutant:
    fault: str
    module: str
    piece: str
    instead: str


MUTANTS = (
    Mutant("ttl ignored", "point_in_time.newest", "questions.ceiling - ttl", "questions.ceiling * 0"),
    Mutant("ttl halved", "point_in_time.newest", "questions.ceiling - ttl", "questions.ceiling - ttl // 2"),
    Mutant("ttl exclusive", "point_in_time.newest", "questions.ceiling - ttl", "questions.ceiling - ttl + 1"),
    Mutant(
        "look-ahead of an hour",
        "point_in_time.newest",
        "append(NEVER, questions.floor)",
        "append(NEVER, questions.floor + 3_600_000_000)",
    ),
    Mutant("exclusive tie", "point_in_time.newest", "take(candidate) < known_from", "take(candidate) <= known_from"),
    Mutant(
        "tie-break reversed",
        "point_in_time.newest",
        "event[candidate], created[at])",
        "event[candidate], -created[at])",
    ),
    Mutant("knowledge cutoff ignored", "point_in_time.newest", "else np.maximum(event, created)", "else event"),
    Mutant("inner join", "historical", ANSWER, "HistoricalFeatures(rows.drop_null(), tuple(reports))"),
    Mutant(
        "duplicate entity rows collapsed",
        "historical",
        ANSWER,
        "HistoricalFeatures(rows.group_by(rows.column_names).aggregate([]), tuple(reports))",
    ),
    # And some that only this join can have.
    Mutant(
        "order by arrival", "point_in_time.newest", "newest = event == self._event[question]", "newest = event == event"
    ),
    Mutant(
        "a late correction hides newer rows", "point_in_time.newest", 'if self._as_of == "created":  #', "if False:  #"
    ),
    Mutant("values do not settle ties", "point_in_time.join", "*stored, nulls_last=False", "nulls_last=False"),
    Mutant("rows from the future believed", "point_in_time.join", "known &= ~future", "known &= True"),
    Mutant("another entity's row", "point_in_time.newest", "(entity[source] == entity)", "(entity[source] <= entity)"),
    Mutant("another tenant's row", "point_in_time.questions", "tenants * len(self.keys) + keys", "0 * tenants + keys"),
    Mutant("half a microsecond forgiven", "point_in_time.moments", "floor + (ticks % per != 0)", "floor"),
    Mutant("null is missing", "point_in_time.columns", "row != NO_ROW, known]", "row == NO_ROW, known]"),
)


def mutated(mutant: Mutant) -> Any:
    """`get_historical_features` of a copy of the join that has the fault."""
    originals = {ROOT + name: sys.modules.get(ROOT + name) for name in CHAIN}
    try:
        for name in CHAIN:
            spec = importlib.util.find_spec(ROOT + name)
            assert spec is not None
            assert spec.origin is not None
            with open(spec.origin, encoding="utf-8") as file:  # noqa: PTH123
                source = file.read()
            if name == mutant.module:
                assert source.count(mutant.piece) == 1, f"{mutant.piece!r} is there {source.count(mutant.piece)} times"
                source = source.replace(mutant.piece, mutant.instead)
            module = ModuleType(ROOT + name)
            sys.modules[ROOT + name] = module
            exec(compile(source, spec.origin, "exec"), module.__dict__)
        return module.get_historical_features
    finally:
        for name, original in originals.items():
            if original is None:
                del sys.modules[name]
            else:
                sys.modules[name] = original


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.fault)
def test_is_caught(mutant: Mutant) -> None:
    historical = mutated(mutant)
    for seed in range(CASES):
        try:
            check(random_case(seed), historical)
        except AssertionError:
            return
    raise AssertionError(f"{CASES} cases did not notice: {mutant.fault}")


def test_a_copy_without_a_fault_passes() -> None:
    same = mutated(Mutant("none", "historical", ANSWER, ANSWER))
    for seed in range(40):
        check(random_case(seed), same)
