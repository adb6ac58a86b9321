"""A deploy publishes a column under another name: the old one is null, jobs that need it fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.facts import change_facts, source_facts
from agents.diagnosis.signs.arrival import (
    CONNECTOR_DOWN,
    JOB_FAILING,
    JOB_SCHEMA_ERROR,
    MATERIALIZATION_BEHIND,
    QUARANTINED,
    SOURCE_SILENT,
    VIEW_STALE,
)
from agents.diagnosis.signs.changes import DEPLOY_BEFORE
from agents.diagnosis.signs.values import NULLS, RENAMED, VALUE_MOVED


def _facts(case: Case) -> Facts:
    return {
        **source_facts(case),
        **change_facts(case),
        "renamed_from": case.text("schema_diff", "renamed_from"),
        "renamed_to": case.text("schema_diff", "renamed_to"),
        "since": case.text("schema_diff", "renamed_at"),
    }


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    # both names are columns of the stored table, found by comparing schemas; the planner checks them again
    if not known(facts, "source", "renamed_from", "renamed_to"):
        return None
    return ActionCall(
        "map_column",
        {"source": facts["source"], "column": facts["renamed_from"], "stored_as": facts["renamed_to"]},
    )


CAUSE = Cause(
    id="renamed_column",
    title="{renamed_from} of {source} is published as {renamed_to}{after}",
    pages=frozenset({"freshness", "job_failure", "nulls", "score_shift"}),
    indicators=(
        Indicator(RENAMED, seen=0.97),
        Indicator(NULLS, seen=0.95),
        Indicator(JOB_FAILING, seen=0.6),
        Indicator(JOB_SCHEMA_ERROR, seen=0.55),
        Indicator(DEPLOY_BEFORE, seen=0.8),
        Indicator(MATERIALIZATION_BEHIND, seen=0.5),
        Indicator(VIEW_STALE, seen=0.45),
        Indicator(CONNECTOR_DOWN, seen=0.02),
        Indicator(SOURCE_SILENT, seen=0.02),
        Indicator(VALUE_MOVED, seen=0.08),
        Indicator(QUARANTINED, seen=0.02),
    ),
    facts=_facts,
    action=_action,
    look_next="the schema registry's history of the topic",
)
