"""A model version scores worse than the one it is to replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.signs.arrival import PARITY_BROKEN, SOURCE_SILENT
from agents.diagnosis.signs.changes import DEPLOY_BEFORE
from agents.diagnosis.signs.endpoints import CANARY_RECENT, CANARY_WORSE, CHAMPION_STEADY, SCORE_SHIFTED
from agents.diagnosis.signs.values import NULLS, RENAMED, REQUESTS_DIFFER, REQUESTS_MOVED, VALUE_MOVED


def _facts(case: Case) -> Facts:
    return {
        "endpoint": case.argument("endpoint", "rollout_status"),
        "tenant": case.tenant,
        "canary": case.text("rollout_status", "canary"),
        "champion": case.text("rollout_status", "champion"),
        "canary_rate": case.number("score_distribution", "canary_decline_rate"),
        "champion_rate": case.number("score_distribution", "champion_decline_rate"),
        "since": case.text("rollout_status", "last_rollout_at"),
    }


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    if not known(facts, "endpoint", "canary"):
        return None
    return ActionCall("rollback_rollout", {"endpoint": facts["endpoint"]})


CAUSE = Cause(
    id="bad_model_version",
    title="canary {canary} of {endpoint} declines {canary_rate:.1%}, champion {champion} {champion_rate:.1%}",
    pages=frozenset({"score_shift", "errors"}),
    indicators=(
        Indicator(CANARY_RECENT, seen=0.9),
        Indicator(CANARY_WORSE, seen=0.95),
        Indicator(CHAMPION_STEADY, seen=0.9),
        Indicator(VALUE_MOVED, seen=0.06),
        Indicator(REQUESTS_DIFFER, seen=0.03),
        Indicator(REQUESTS_MOVED, seen=0.03),
        Indicator(NULLS, seen=0.02),
        Indicator(RENAMED, seen=0.01),
        Indicator(PARITY_BROKEN, seen=0.05),
        Indicator(SCORE_SHIFTED, seen=0.7),
        Indicator(SOURCE_SILENT, seen=0.01),
        Indicator(DEPLOY_BEFORE, seen=0.06),
    ),
    requires=CANARY_WORSE,
    facts=_facts,
    action=_action,
    look_next="the canary's training run: data window, features, evaluation",
)
