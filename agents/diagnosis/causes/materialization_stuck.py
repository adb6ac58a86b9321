"""Rows arrive offline, but the job that carries them online does not keep up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.signs.arrival import (
    CONNECTOR_DOWN,
    JOB_FAILING,
    JOB_SCHEMA_ERROR,
    JOB_STOPPED,
    MATERIALIZATION_BEHIND,
    QUARANTINED,
    ROWS_MISSING,
    SOURCE_SILENT,
    VIEW_STALE,
)
from agents.diagnosis.signs.values import NULLS, RENAMED


def _facts(case: Case) -> Facts:
    return {
        "view": case.argument("view", "freshness"),
        "tenant": case.tenant,
        "job": case.argument("job", "job_history"),
        "cancelled": case.figure("job_history", "cancelled"),
    }


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    # a job that fails by itself is not mended by starting it; one that somebody cancelled is
    if not known(facts, "job") or facts.get("cancelled") is not True:
        return None
    return ActionCall("start_job", {"job": facts["job"]})


CAUSE = Cause(
    id="materialization_stuck",
    title="{view} of {tenant} is not materialized although its rows arrived",
    pages=frozenset({"freshness", "job_failure"}),
    indicators=(
        Indicator(MATERIALIZATION_BEHIND, seen=0.96),
        Indicator(VIEW_STALE, seen=0.95),
        Indicator(CONNECTOR_DOWN, seen=0.02),
        Indicator(SOURCE_SILENT, seen=0.04),
        Indicator(RENAMED, seen=0.01),
        Indicator(NULLS, seen=0.03),
        Indicator(JOB_FAILING, seen=0.5),
        Indicator(JOB_STOPPED, seen=0.5),
        Indicator(JOB_SCHEMA_ERROR, seen=0.02),
        Indicator(QUARANTINED, seen=0.02),
        Indicator(ROWS_MISSING, seen=0.04),
    ),
    facts=_facts,
    action=_action,
    look_next="the job's log, its queue and its memory",
)
