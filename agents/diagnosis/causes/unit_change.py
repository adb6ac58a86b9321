"""A source sends a column in another unit: cents for units, grams for kilograms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.facts import change_facts, source_facts
from agents.diagnosis.signs.arrival import PARITY_BROKEN, SOURCE_SILENT
from agents.diagnosis.signs.changes import CAMPAIGN, DEPLOY_BEFORE
from agents.diagnosis.signs.endpoints import CANARY_WORSE, SCORE_SHIFTED
from agents.diagnosis.signs.values import (
    DRIFTED,
    NULLS,
    ONLY_HERE,
    RENAMED,
    REQUESTS_DIFFER,
    REQUESTS_MOVED,
    SHAPE_KEPT,
    UNIT_FACTOR,
    UNIT_OF_REQUESTS,
    VALUE_MOVED,
)


def _facts(case: Case) -> Facts:
    factor = (
        case.number("request_agreement", "matched_factor")
        or case.number("column_profile", "unit_factor")
        or case.number("column_profile", "ratio")
    )
    return {**source_facts(case), **change_facts(case), "factor": factor}


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    if not known(facts, "source", "since"):
        return None
    return ActionCall("quarantine_source", {"source": facts["source"], "since": facts["since"]})


CAUSE = Cause(
    id="unit_change",
    title="{source}.{column} changed unit (x{factor:g}){after}",
    pages=frozenset({"drift", "score_shift"}),
    indicators=(
        Indicator(VALUE_MOVED, seen=0.98),
        Indicator(UNIT_FACTOR, seen=0.85),
        Indicator(UNIT_OF_REQUESTS, seen=0.95),
        Indicator(SHAPE_KEPT, seen=0.9),
        Indicator(REQUESTS_DIFFER, seen=0.96),
        Indicator(REQUESTS_MOVED, seen=0.01),
        Indicator(ONLY_HERE, seen=0.9),
        Indicator(DEPLOY_BEFORE, seen=0.85),
        Indicator(DRIFTED, seen=0.95),
        Indicator(CAMPAIGN, seen=0.04),
        Indicator(NULLS, seen=0.02),
        Indicator(RENAMED, seen=0.01),
        Indicator(PARITY_BROKEN, seen=0.05),
        Indicator(SCORE_SHIFTED, seen=0.6),
        Indicator(CANARY_WORSE, seen=0.01),
        Indicator(SOURCE_SILENT, seen=0.02),
    ),
    facts=_facts,
    action=_action,
    look_next="the producer's release notes for the column's type and unit",
)
