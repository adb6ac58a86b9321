"""The connector of a source stopped: rows wait in the topic, customers go on paying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.cause import ActionCall, Cause, Indicator, known
from agents.diagnosis.facts import source_facts
from agents.diagnosis.signs.arrival import (
    CONNECTOR_DOWN,
    JOB_FAILING,
    MATERIALIZATION_BEHIND,
    QUARANTINED,
    ROWS_MISSING,
    SOURCE_SILENT,
    VIEW_STALE,
)
from agents.diagnosis.signs.values import NULLS, RENAMED, VALUE_MOVED


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    if not known(facts, "source"):
        return None
    return ActionCall("restart_connector", {"source": facts["source"]})


CAUSE = Cause(
    id="source_stopped",
    title="{source} stopped: its connector failed",
    pages=frozenset({"freshness", "volume", "score_shift", "job_failure"}),
    indicators=(
        Indicator(CONNECTOR_DOWN, seen=0.97),
        Indicator(SOURCE_SILENT, seen=0.95),
        Indicator(ROWS_MISSING, seen=0.9),
        Indicator(VIEW_STALE, seen=0.85),
        Indicator(MATERIALIZATION_BEHIND, seen=0.04),
        Indicator(JOB_FAILING, seen=0.08),
        Indicator(VALUE_MOVED, seen=0.08),
        Indicator(NULLS, seen=0.02),
        Indicator(RENAMED, seen=0.01),
        Indicator(QUARANTINED, seen=0.02),
    ),
    facts=source_facts,
    action=_action,
    look_next="the connector's log and the topic's backlog",
)
