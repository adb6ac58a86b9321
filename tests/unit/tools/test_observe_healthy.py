"""On a healthy platform every probe says that nothing is wrong."""

from __future__ import annotations

import pytest

from tests.fakes.observed_platform import ObservedPlatform, observed_platform
from tools.contract import Figure
from tools.registry import observe_tools
from tools.runner import ToolRunner


@pytest.fixture(scope="module")
def healthy() -> ObservedPlatform:
    return observed_platform()


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("freshness", {"view": "card_velocity", "tenant": "br"}, {"over_sla": False, "materialization_behind": False}),
        ("connector_status", {"source": "payments_br"}, {"up": True, "failed": False}),
        ("source_volume", {"source": "payments_br"}, {"silent": False}),
        ("source_quality", {"source": "payments_br"}, {"breaches": 0, "value_nulls": False, "out_of_range": 0}),
        ("column_profile", {"source": "payments_br", "column": "amount"}, {"changed": False, "nulls_changed": False}),
        ("segment_compare", {"column": "amount"}, {"moved": 0, "only_one_moved": False}),
        ("schema_diff", {"source": "payments_br"}, {"renamed": False, "new_count": 0}),
        ("job_history", {"job": "materialize-card_velocity", "tenant": "br"}, {"failing": False}),
        ("change_events", {"subject": "urn:vigia:source:payments_br", "column": "amount"}, {"events": 0}),
        ("score_distribution", {"endpoint": "fraud-br"}, {"shifted": False, "canary_requests": 0}),
        ("latency_breakdown", {"endpoint": "fraud-br"}, {"slow_part": "neither", "over_sla": False, "sla_ms": 60.0}),
        ("parity", {"view": "card_velocity", "tenant": "br"}, {"agrees": True, "mismatches": 0}),
        ("request_agreement", {"source": "payments_br", "endpoint": "fraud-br"}, {"agrees": True}),
        ("rollout_status", {"endpoint": "fraud-br"}, {"has_canary": False, "converged": True}),
        ("usage_cost", {"endpoint": "fraud-br"}, {"idle": False, "suggested_replicas": 2}),
        ("drift_against_baseline", {"source": "payments_br", "column": "amount"}, {"drifted": False}),
        ("resource_status", {"urn": "urn:vigia:job:online-compaction"}, {"state": "idle", "kind": "job"}),
    ],
)
def test_nothing_is_wrong(
    healthy: ObservedPlatform, tool: str, arguments: dict[str, object], expected: dict[str, Figure]
) -> None:
    run = ToolRunner(healthy.view, observe_tools()).run(tool, arguments)
    assert run.observation.status == "success", run.observation
    assert {name: run.observation.figures[name] for name in expected} == expected
