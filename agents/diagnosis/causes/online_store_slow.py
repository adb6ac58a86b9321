"""Reading features waits for something: a compaction, a hot key, a full disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.signs.changes import ROLLOUT_RECENT
from agents.diagnosis.signs.endpoints import (
    MODEL_SLOWER,
    MODEL_STEADY,
    STORE_JOB_RUNNING,
    STORE_SLOWER,
    STORE_SLOWER_EVERYWHERE,
)


def _facts(case: Case) -> Facts:
    slow = [e for e in case.answered("latency_breakdown") if e.observation.figures.get("store_slower") is True]
    figures = slow[0].observation.figures if slow else {}
    job = _running_job(case)
    return {
        "store_p50": figures.get("store_p50"),
        "store_before": figures.get("store_p50_before"),
        "since": figures.get("changed_at"),
        "endpoints": [e.arguments.get("endpoint") for e in slow],
        "tenant": case.tenant,
        "job": job,
        "behind": f" while {job.rsplit(':', 1)[-1]} runs" if job else "",
    }


def _running_job(case: Case) -> str | None:
    """URN of a job that works on a store and runs now, as probed by its resource."""
    for evidence in case.answered("resource_status"):
        figures = evidence.observation.figures
        subject = str(figures.get("subject") or "")
        if figures.get("kind") == "job" and figures.get("state") == "running" and ":store:" in subject:
            return str(evidence.arguments["urn"])
    return None


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    if not known(facts, "job"):
        return None
    return ActionCall("cancel_job", {"job": facts["job"]})


CAUSE = Cause(
    id="online_store_slow",
    title="the online store takes {store_p50:.0f} ms a read (before {store_before:.0f} ms){behind}",
    pages=frozenset({"latency", "errors"}),
    indicators=(
        Indicator(STORE_SLOWER, seen=0.97),
        Indicator(STORE_SLOWER_EVERYWHERE, seen=0.9),
        Indicator(MODEL_STEADY, seen=0.95),
        Indicator(MODEL_SLOWER, seen=0.03),
        Indicator(STORE_JOB_RUNNING, seen=0.7),
        Indicator(ROLLOUT_RECENT, seen=0.06),
    ),
    facts=_facts,
    action=_action,
    look_next="the store's own slow log, its disk and its running jobs",
)
