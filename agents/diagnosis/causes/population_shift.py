"""Customers really changed what they do: a campaign, a holiday, a new kind of merchant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.facts import change_facts, source_facts
from agents.diagnosis.signs.arrival import PARITY_BROKEN, SOURCE_SILENT, VOLUME_HIGH
from agents.diagnosis.signs.changes import CAMPAIGN, DEPLOY_BEFORE
from agents.diagnosis.signs.endpoints import CANARY_WORSE
from agents.diagnosis.signs.values import (
    DRIFTED,
    NULLS,
    ONLY_HERE,
    RENAMED,
    REQUESTS_DIFFER,
    REQUESTS_MOVED,
    UNIT_FACTOR,
    VALUE_MOVED,
)


def _facts(case: Case) -> Facts:
    minutes = case.number("change_events", "campaign_minutes_before")
    alert = min((a.starts_at for a in case.alerts), default=None)
    changed = change_facts(case)
    # a gentle shift may be found by its drift without a sharp change point: the alert then marks the time
    since = changed["changed_at"] or (alert.isoformat() if alert else None)
    return {
        **source_facts(case),
        **changed,
        "since": since,
        "ratio": case.number("request_agreement", "request_ratio") or case.number("column_profile", "ratio"),
        "monitor": case.text("drift_against_baseline", "monitor"),
        "campaign": "" if minutes is None else " (an announced campaign)",
    }


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    if not known(facts, "monitor", "since"):
        return None
    return ActionCall("rebaseline_monitor", {"monitor": facts["monitor"], "baseline_since": facts["since"]})


CAUSE = Cause(
    id="population_shift",
    title="customers of {tenant} changed: {column} x{ratio:.2g}, in requests and source alike{campaign}",
    pages=frozenset({"drift", "score_shift", "volume"}),
    indicators=(
        Indicator(VALUE_MOVED, seen=0.85),
        Indicator(DRIFTED, seen=0.95),
        Indicator(UNIT_FACTOR, seen=0.02),
        Indicator(REQUESTS_DIFFER, seen=0.05),
        Indicator(REQUESTS_MOVED, seen=0.85),
        Indicator(DEPLOY_BEFORE, seen=0.1),
        Indicator(CAMPAIGN, seen=0.6),
        Indicator(VOLUME_HIGH, seen=0.45),
        Indicator(NULLS, seen=0.02),
        Indicator(RENAMED, seen=0.01),
        Indicator(CANARY_WORSE, seen=0.01),
        Indicator(PARITY_BROKEN, seen=0.05),
        Indicator(ONLY_HERE, seen=0.6),
        Indicator(SOURCE_SILENT, seen=0.01),
    ),
    facts=_facts,
    action=_action,
    look_next="the commercial calendar, and which merchants or categories grew",
    verdict="no_fault",
)
