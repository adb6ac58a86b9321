"""Scoring itself became slow: a larger model, a starved CPU."""

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
    slow = [e for e in case.answered("latency_breakdown") if e.observation.figures.get("model_slower") is True]
    figures = slow[0].observation.figures if slow else {}
    endpoint = slow[0].arguments.get("endpoint") if slow else case.subject("endpoint")
    return {
        "endpoint": endpoint,
        "tenant": case.tenant,
        "model_p50": figures.get("model_p50"),
        "model_before": figures.get("model_p50_before"),
        "since": figures.get("changed_at"),
        "canary": case.text("rollout_status", "canary"),
    }


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    # a champion cannot be rolled back by taking the canary away, and more replicas do not make one score faster
    if not known(facts, "endpoint", "canary"):
        return None
    return ActionCall("rollback_rollout", {"endpoint": facts["endpoint"]})


CAUSE = Cause(
    id="model_latency",
    title="{endpoint} scores in {model_p50:.0f} ms (before {model_before:.0f} ms)",
    pages=frozenset({"latency", "errors"}),
    indicators=(
        Indicator(MODEL_SLOWER, seen=0.97),
        Indicator(MODEL_STEADY, seen=0.02),
        Indicator(STORE_SLOWER, seen=0.05),
        Indicator(STORE_SLOWER_EVERYWHERE, seen=0.01),
        Indicator(ROLLOUT_RECENT, seen=0.6),
        Indicator(STORE_JOB_RUNNING, seen=0.03),
    ),
    facts=_facts,
    action=_action,
    look_next="the model's size against its predecessor, and the CPU of the replicas",
)
