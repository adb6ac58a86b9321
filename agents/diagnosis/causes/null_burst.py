"""A deploy loses a column's values for some of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.facts import change_facts, source_facts
from agents.diagnosis.signs.arrival import CONNECTOR_DOWN, JOB_SCHEMA_ERROR, SOURCE_SILENT
from agents.diagnosis.signs.changes import DEPLOY_BEFORE
from agents.diagnosis.signs.values import (
    NULLS,
    ONLY_HERE,
    RENAMED,
    UNIT_FACTOR,
    VALUE_MOVED,
)


def _facts(case: Case) -> Facts:
    return {
        **source_facts(case),
        **change_facts(case),
        "broken": case.text("source_quality", "worst_column"),
        "null_rate": case.number("source_quality", "worst_null_rate"),
    }


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    # only a deploy shortly before can be rolled back; without one there is nothing to go back to
    if not known(facts, "service", "version"):
        return None
    return ActionCall("rollback_deploy", {"service": facts["service"], "bad_version": facts["version"]})


CAUSE = Cause(
    id="null_burst",
    title="{broken} of {source} is lost for {null_rate:.0%} of the rows{after}",
    pages=frozenset({"nulls", "drift", "score_shift", "job_failure", "freshness"}),
    indicators=(
        Indicator(NULLS, seen=0.97),
        Indicator(RENAMED, seen=0.002),
        Indicator(DEPLOY_BEFORE, seen=0.75),
        Indicator(ONLY_HERE, seen=0.85),
        Indicator(VALUE_MOVED, seen=0.15),
        Indicator(UNIT_FACTOR, seen=0.01),
        Indicator(SOURCE_SILENT, seen=0.02),
        Indicator(CONNECTOR_DOWN, seen=0.02),
        Indicator(JOB_SCHEMA_ERROR, seen=0.08),
    ),
    facts=_facts,
    action=_action,
    look_next="rows with and without the value side by side: producer, channel, app version",
)
