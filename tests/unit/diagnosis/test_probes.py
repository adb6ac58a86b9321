"""Which probes are chosen: enough to tell rivals apart, nothing twice, in the same order every time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.diagnosis.causes import causes
from agents.diagnosis.probes import MAX_PROBES, probes_for
from platform_core.monitoring.alert import AlertKind
from tests.fakes.evidence_sets import alert
from tests.fakes.observed_platform import NOW, ObservedPlatform, observed_platform
from tools.registry import observe_tools
from tools.runner import ToolCall, ToolRunner

SUBJECTS: dict[AlertKind, str] = {
    "freshness": "urn:vigia:feature_view:device_risk",
    "volume": "urn:vigia:source:payments_br",
    "nulls": "urn:vigia:source:payments_br",
    "drift": "urn:vigia:source:payments_br",
    "job_failure": "urn:vigia:job:materialize-device_risk",
    "score_shift": "urn:vigia:endpoint:fraud-br",
    "latency": "urn:vigia:endpoint:fraud-br",
    "cost": "urn:vigia:endpoint:fraud-br",
    "errors": "urn:vigia:endpoint:fraud-br",
}


@pytest.fixture(scope="module")
def platform() -> ObservedPlatform:
    return observed_platform()


def _names(calls: list[ToolCall]) -> list[str]:
    return [call.tool for call in calls]


@pytest.mark.parametrize("kind", sorted(SUBJECTS))
def test_every_probe_can_be_run(kind: AlertKind, platform: ObservedPlatform) -> None:
    calls = probes_for([alert(kind, SUBJECTS[kind])], platform.view)
    runs = ToolRunner(platform.view, observe_tools()).run_all(calls)
    assert [r.observation for r in runs if r.observation.status == "error"] == []
    assert len({(r.tool, str(r.arguments)) for r in runs}) == len(runs)
    assert 4 <= len(calls) <= MAX_PROBES


@pytest.mark.parametrize("kind", sorted(SUBJECTS))
def test_the_causes_that_page_so_are_told_apart(kind: AlertKind, platform: ObservedPlatform) -> None:
    asked = set(_names(probes_for([alert(kind, SUBJECTS[kind])], platform.view)))
    for cause in causes().values():
        if kind not in cause.pages or kind == "errors":
            continue
        total = sum(abs(i.when_seen) for i in cause.indicators)
        told = sum(abs(i.when_seen) for i in cause.indicators if i.sign.tool in asked)
        assert told > 0.5 * total, f"{kind}: the probes cannot tell {cause.id}"


def test_an_alert_about_one_tenant_asks_about_its_own_source(platform: ObservedPlatform) -> None:
    calls = probes_for([alert("freshness", SUBJECTS["freshness"], tenant="ar")], platform.view)
    assert {c.arguments["source"] for c in calls if "source" in c.arguments} == {"payments_ar"}
    assert {c.arguments["endpoint"] for c in calls if "endpoint" in c.arguments} == {"fraud-ar"}
    assert ToolCall(tool="freshness", arguments={"view": "device_risk", "tenant": "ar"}) in calls


def test_alerts_of_one_fault_do_not_ask_twice_and_order_does_not_matter(platform: ObservedPlatform) -> None:
    first = alert("drift", SUBJECTS["drift"])
    second = alert("score_shift", SUBJECTS["score_shift"], at=NOW + timedelta(minutes=2))
    both = probes_for([first, second], platform.view)
    assert both == probes_for([second, first], platform.view)
    assert _names(both).count("column_profile") == 1
    assert _names(both).count("change_events") == 1
    assert _names(both).count("score_distribution") == 1


def test_latency_looks_at_every_endpoint_and_the_stores_jobs(platform: ObservedPlatform) -> None:
    calls = probes_for([alert("latency", SUBJECTS["latency"])], platform.view)
    slow = [c.arguments["endpoint"] for c in calls if c.tool == "latency_breakdown"]
    assert slow == ["fraud-br", "fraud-ar"]
    assert ToolCall(tool="resource_status", arguments={"urn": "urn:vigia:job:online-compaction"}) in calls


def test_a_label_that_the_catalog_does_not_know_names_nothing(platform: ObservedPlatform) -> None:
    odd = alert("drift", SUBJECTS["drift"]).model_copy(update={"labels": {"column": "amount; DROP TABLE payments"}})
    calls = probes_for([odd], platform.view)
    assert {c.arguments["column"] for c in calls if "column" in c.arguments} == {"amount"}


def test_a_storm_stays_bounded(platform: ObservedPlatform) -> None:
    storm = [alert(kind, subject, tenant=t) for kind, subject in SUBJECTS.items() for t in ("br", "ar")]
    assert len(probes_for(storm, platform.view)) == MAX_PROBES
