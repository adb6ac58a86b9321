"""Money is spent on replicas that hardly anybody uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.diagnosis.case import Case
from agents.diagnosis.cause import ActionCall, Cause, Facts, Indicator, known
from agents.diagnosis.signs.endpoints import IDLE, SPARE_REPLICAS, TRAFFIC_GONE


def _facts(case: Case) -> Facts:
    suggested = case.number("usage_cost", "suggested_replicas")
    replicas = case.number("usage_cost", "replicas")
    return {
        "endpoint": case.argument("endpoint", "usage_cost"),
        "tenant": case.tenant,
        "requests": case.number("usage_cost", "requests_per_day"),
        "replicas": None if replicas is None else int(replicas),
        "suggested": None if suggested is None else int(suggested),
        "monthly_saving_usd": case.number("usage_cost", "monthly_saving_usd"),
    }


def _action(facts: Mapping[str, Any]) -> ActionCall | None:
    if not known(facts, "endpoint", "suggested"):
        return None
    return ActionCall("scale_endpoint", {"endpoint": facts["endpoint"], "replicas": int(facts["suggested"])})


CAUSE = Cause(
    id="endpoint_overprovisioned",
    title="{endpoint} runs {replicas} replicas for {requests:.0f} requests a day; {suggested} would do",
    pages=frozenset({"cost"}),
    indicators=(
        Indicator(IDLE, seen=0.95),
        Indicator(SPARE_REPLICAS, seen=0.97),
        Indicator(TRAFFIC_GONE, seen=0.6),
    ),
    facts=_facts,
    action=_action,
    look_next="whether anybody still calls it, and who owns it",
)
