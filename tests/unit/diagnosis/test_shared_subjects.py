"""An alert about what tenants share, without a tenant: the source that is broken is acted on, and no other."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute
import pytest

from agents.diagnosis.engine import diagnose
from agents.diagnosis.probes import probes_for
from agents.diagnosis.proposals import propose
from agents.evidence import Evidence
from guardrails.proposal import ActionProposal
from platform_core.monitoring.alert import Alert, AlertKind
from tests.fakes.evidence_sets import PATCHES, alert, evidence
from tests.fakes.observed_platform import ONSET, ObservedPlatform, observed_platform
from tools.act import actions
from tools.registry import observe_tools
from tools.runner import ToolRunner

compute: Any = pyarrow.compute
SHARED: list[tuple[AlertKind, str]] = [
    ("score_shift", "urn:vigia:model:fraud_score"),
    ("freshness", "urn:vigia:feature_view:card_velocity"),
    ("drift", "urn:vigia:feature_view:device_risk"),
]


def _cents(rows: pa.Table) -> pa.Table:
    at = rows.schema.get_field_index("amount")
    return rows.set_column(at, "amount", compute.multiply(rows["amount"], 100.0))


def _evidence(platform: ObservedPlatform, alerts: list[Alert]) -> list[Evidence]:
    runs = ToolRunner(platform.view, observe_tools()).run_all(probes_for(alerts, platform.view))
    return [
        Evidence(
            id=f"E{n}",
            incident_id="inc_1",
            tool=r.tool,
            arguments=r.arguments,
            observation=r.observation,
            digest=r.digest,
            collected_at=platform.clock.now(),
            wall_ms=r.wall_ms,
        )
        for n, r in enumerate(runs, 1)
    ]


def _proposal(platform: ObservedPlatform, alerts: list[Alert]) -> ActionProposal | None:
    return propose(
        diagnose(alerts, _evidence(platform, alerts)),
        actions(platform.resources, None, platform.view),
        platform.view.lineage,
        incident_id="inc_1",
        requested_by="agent:incident",
        clock=platform.clock,
    )


@pytest.mark.parametrize(("kind", "subject"), SHARED)
@pytest.mark.parametrize("tenant", ["br", "ar"])
def test_the_tenant_that_is_broken_is_acted_on(kind: AlertKind, subject: str, tenant: str) -> None:
    platform = observed_platform()
    platform.plant(tenant, _cents)
    platform.deploy(tenant, "5.2.0")
    alerts = [alert(kind, subject, tenant=None)]
    asked = {str(e.arguments.get("endpoint")) for e in _evidence(platform, alerts) if e.tool == "request_agreement"}
    assert asked == {f"fraud-{tenant}"}
    proposal = _proposal(platform, alerts)
    assert proposal is not None
    assert (proposal.tool, proposal.arguments["source"]) == ("quarantine_source", f"payments_{tenant}")
    assert proposal.tenant == tenant


@pytest.mark.parametrize(("kind", "subject"), SHARED)
def test_where_nothing_shows_nobodys_source_is_touched(kind: AlertKind, subject: str) -> None:
    assert _proposal(observed_platform(), [alert(kind, subject, tenant=None)]) is None


def test_facts_of_two_sources_are_never_joined() -> None:
    """Healthy evidence about one source comes first; the second's trouble must not be pinned on it."""
    healthy = evidence()
    broken = [_about_ar(e, number) for number, e in enumerate(evidence(PATCHES["unit_change"]), 101)]
    top = diagnose([alert("score_shift", "urn:vigia:model:fraud_score", tenant=None)], [*healthy, *broken]).top
    assert top is not None
    assert (top.cause, top.facts["source"]) == ("unit_change", "payments_ar")
    assert top.facts["changed_at"] == ONSET.isoformat()
    cited = {e for f in (*top.supporting, *top.refuting) for e in f.evidence_ids}
    own = {e.id for e in (*healthy, *broken) if e.arguments.get("source") == "payments_br"}
    assert not cited & own


def _about_ar(piece: Evidence, number: int) -> Evidence:
    arguments = {
        k: v.replace("_br", "_ar").replace("-br", "-ar") if isinstance(v, str) else v
        for k, v in piece.arguments.items()
    }
    if "tenant" in arguments:
        arguments["tenant"] = "ar"
    return piece.model_copy(update={"id": f"E{number}", "arguments": arguments})
