"""Values are old on purpose: somebody quarantined the source and has not released it."""

from __future__ import annotations

from agents.diagnosis.case import Case
from agents.diagnosis.cause import Cause, Facts, Indicator, no_action
from agents.diagnosis.facts import source_facts
from agents.diagnosis.signs.arrival import (
    CONNECTOR_DOWN,
    JOB_FAILING,
    MATERIALIZATION_BEHIND,
    QUARANTINED,
    SOURCE_SILENT,
    VIEW_STALE,
)
from agents.diagnosis.signs.values import RENAMED


def _facts(case: Case) -> Facts:
    return {**source_facts(case), "view": case.argument("view", "freshness")}


CAUSE = Cause(
    id="held_by_quarantine",
    title="{view} of {tenant} is held back by a quarantine of its source",
    pages=frozenset({"freshness"}),
    indicators=(
        Indicator(QUARANTINED, seen=0.98),
        Indicator(VIEW_STALE, seen=0.9),
        Indicator(MATERIALIZATION_BEHIND, seen=0.9),
        Indicator(CONNECTOR_DOWN, seen=0.03),
        Indicator(SOURCE_SILENT, seen=0.03),
        Indicator(JOB_FAILING, seen=0.05),
        Indicator(RENAMED, seen=0.02),
    ),
    facts=_facts,
    action=no_action,
    look_next="whether the reason for the quarantine is gone",
    verdict="no_fault",
)
