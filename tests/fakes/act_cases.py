"""How to call every action on the observed platform: its target, what must be so first, and the fields it sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from platform_core.operations.resources import Resource
from platform_core.urn import urn
from tests.fakes.observed_platform import ONSET
from tools.act import action_types


@dataclass(frozen=True)
class Case:
    """How to call an action on the platform: its target, what must be so first, and the fields it sets."""

    arguments: dict[str, Any]
    target: str
    fields: dict[str, Any]
    spec: dict[str, Any] = field(default_factory=dict[str, Any])
    status: dict[str, Any] = field(default_factory=dict[str, Any])


SOURCE, ENDPOINT, JOB = urn("source", "payments_br"), urn("endpoint", "fraud-br"), urn("job", "online-compaction")
MODEL = urn("model", "fraud_score")
SINCE = ONSET.isoformat().replace("+00:00", "Z")

CASES = {
    "restart_connector": Case(
        {"source": "payments_br"}, urn("connector", "payments_br"), {"restarts": 1}, status={"state": "failed"}
    ),
    "map_column": Case(
        {"source": "payments_br", "column": "device_id", "stored_as": "device_fingerprint"},
        SOURCE,
        {"field_mapping": {"device_id": "device_fingerprint"}},
    ),
    "unmap_column": Case(
        {"source": "payments_br", "column": "device_id"},
        SOURCE,
        {"field_mapping": {}},
        spec={"field_mapping": {"device_id": "device_fingerprint"}},
    ),
    "rollback_deploy": Case(
        {"service": "ingest-br", "bad_version": "4.6.2"},
        urn("deployment", "ingest-br"),
        {"version": "4.6.1", "previous_version": "4.6.2"},
    ),
    "quarantine_source": Case({"source": "payments_br", "since": SINCE}, SOURCE, {"quarantine_since": SINCE}),
    "release_quarantine": Case(
        {"source": "payments_br"}, SOURCE, {"quarantine_since": None}, spec={"quarantine_since": SINCE}
    ),
    "rebaseline_monitor": Case(
        {"monitor": "drift-payments_br-amount", "baseline_since": SINCE},
        urn("monitor", "drift-payments_br-amount"),
        {"baseline_since": SINCE},
    ),
    "rollback_rollout": Case(
        {"endpoint": "fraud-br"},
        ENDPOINT,
        {"canary": None, "canary_percent": 0},
        spec={"canary": "2", "canary_percent": 20},
    ),
    "set_canary": Case(
        {"endpoint": "fraud-br", "version": "2", "percent": 20}, ENDPOINT, {"canary": "2", "canary_percent": 20}
    ),
    "complete_rollout": Case(
        {"endpoint": "fraud-br"},
        ENDPOINT,
        {"champion": "2", "previous_champion": "1", "canary": None, "canary_percent": 0, "strategy": "canary"},
        spec={"canary": "2", "canary_percent": 50, "strategy": "champion_challenger"},
    ),
    "reopen_rollout": Case(
        {"endpoint": "fraud-br", "champion": "0", "percent": 20},
        ENDPOINT,
        {"champion": "0", "canary": "1", "canary_percent": 20, "previous_champion": None},
        spec={"previous_champion": "0"},
    ),
    "cancel_job": Case({"job": JOB}, JOB, {"desired": "cancelled"}, status={"state": "running"}),
    "start_job": Case({"job": JOB}, JOB, {"desired": "running"}, spec={"desired": "cancelled"}),
    "scale_endpoint": Case({"endpoint": "fraud-br", "replicas": 1}, ENDPOINT, {"replicas": 1}),
    "promote_model": Case(
        {"model": "fraud_score", "version": "2", "review": "mrv_2"}, MODEL, {"production": "2", "review": "mrv_2"}
    ),
    "demote_model": Case(
        {"model": "fraud_score", "version": "2", "restore": "1"},
        MODEL,
        {"production": "1", "review": None},
        spec={"production": "2", "review": "mrv_2"},
    ),
    "retrain_model": Case({"model": "fraud_score"}, MODEL, {"trainings": 1}),
}
NAMES = sorted(action_types())


def prepared(case: Case, resource: Resource) -> Resource:
    """`resource` as it must be for the action to have something to do."""
    spec = type(resource.spec).model_validate({**resource.spec.model_dump(), **case.spec})
    return resource.model_copy(update={"spec": spec, "status": resource.status | case.status})
