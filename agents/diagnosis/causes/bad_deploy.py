"""An upstream deploy changed values in a way that is neither a unit nor a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.facts import change_facts, source_facts
from agents.diagnosis.signs.arrival import CONNECTOR_DOWN, SOURCE_SILENT
from agents.diagnosis.signs.changes import CAMPAIGN, DEPLOY_BEFORE
from agents.diagnosis.signs.endpoints import CANARY_WORSE
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
    return {**source_facts(case), **change_facts(case)}


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    if not known(facts, "service", "version"):
        return None
    return ActionCall("rollback_deploy", {"service": facts["service"], "bad_version": facts["version"]})


CAUSE = Cause(
    id="bad_deploy",
    title="{source}.{column} changed{after}",
    pages=frozenset({"drift", "score_shift", "nulls", "volume"}),
    indicators=(
        Indicator(DEPLOY_BEFORE, seen=0.97),
        Indicator(VALUE_MOVED, seen=0.8),
        Indicator(UNIT_FACTOR, seen=0.01),
        Indicator(UNIT_OF_REQUESTS, seen=0.005),
        Indicator(REQUESTS_DIFFER, seen=0.8),
        Indicator(REQUESTS_MOVED, seen=0.03),
        Indicator(ONLY_HERE, seen=0.85),
        Indicator(SHAPE_KEPT, seen=0.4),
        Indicator(DRIFTED, seen=0.8),
        # a deploy that renames or loses a column has a name of its own: here it is only ever a coincidence
        Indicator(RENAMED, seen=0.0005),
        Indicator(NULLS, seen=0.0005),
        Indicator(CAMPAIGN, seen=0.04),
        Indicator(CANARY_WORSE, seen=0.01),
        Indicator(SOURCE_SILENT, seen=0.03),
        Indicator(CONNECTOR_DOWN, seen=0.03),
    ),
    requires=DEPLOY_BEFORE,
    facts=_facts,
    action=_action,
    look_next="the diff between the two versions of the service",
)
