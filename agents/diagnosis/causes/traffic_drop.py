"""Fewer customers come: the source and the requests fall together."""

from __future__ import annotations

from agents.diagnosis.case import Case
from agents.diagnosis.cause import Cause, Facts, Indicator, no_action
from agents.diagnosis.facts import source_facts
from agents.diagnosis.signs.arrival import (
    CONNECTOR_DOWN,
    JOB_FAILING,
    MATERIALIZATION_BEHIND,
    ROWS_MISSING,
    SOURCE_SILENT,
    VOLUME_LOW,
)
from agents.diagnosis.signs.values import NULLS, RENAMED, VALUE_MOVED


def _facts(case: Case) -> Facts:
    return {**source_facts(case), "ratio": case.number("source_volume", "ratio")}


CAUSE = Cause(
    id="traffic_drop",
    title="payments of {tenant} fell to {ratio:.0%} of usual, in requests and source alike",
    pages=frozenset({"volume", "freshness"}),
    indicators=(
        Indicator(VOLUME_LOW, seen=0.9),
        Indicator(ROWS_MISSING, seen=0.02),
        Indicator(CONNECTOR_DOWN, seen=0.02),
        Indicator(SOURCE_SILENT, seen=0.15),
        Indicator(MATERIALIZATION_BEHIND, seen=0.05),
        Indicator(VALUE_MOVED, seen=0.1),
        Indicator(RENAMED, seen=0.01),
        Indicator(NULLS, seen=0.03),
        Indicator(JOB_FAILING, seen=0.05),
    ),
    facts=_facts,
    action=no_action,
    look_next="the checkout's own availability and its payment partners",
)
