"""Evidence as probes would give it, tool by tool: a healthy set, and what each trouble changes in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np

from agents.evidence import Evidence
from platform_core.monitoring.alert import Alert, AlertKind
from tests.fakes.observed_platform import NOW, ONSET
from tools.contract import Observation, ObservationStatus
from tools.null_evidence import mean_nats, null_evidence

Figures = dict[str, Any]
Patch = dict[str, Figures]


def null_counts(nulls: int, rows: int, *, column: str = "amount", promise: float = 0.01, columns: int = 9) -> Figures:
    """What `source_quality` says when `nulls` of the last `rows` are null in `column` and none in the others."""
    said = null_evidence(np.arange(rows) >= rows - nulls, promise)
    others = [null_evidence(np.zeros(rows, dtype=np.bool_), 0.0).nats] * (columns - 1)
    return {
        "rows": rows,
        "null_nats": mean_nats([said.nats, *others]),
        "worst_column": column,
        "worst_nulls": nulls,
        "worst_rows": rows,
        "worst_null_rate": nulls / rows,
        "worst_promise": promise,
    }


ARGUMENTS: dict[str, dict[str, Any]] = {
    "connector_status": {"source": "payments_br"},
    "source_volume": {"source": "payments_br", "minutes": 15},
    "source_quality": {"source": "payments_br", "minutes": 20},
    "schema_diff": {"source": "payments_br", "minutes": 180},
    "column_profile": {"source": "payments_br", "column": "amount", "minutes": 180},
    "segment_compare": {"column": "amount", "minutes": 180},
    "drift_against_baseline": {"source": "payments_br", "column": "amount", "minutes": 15},
    "request_agreement": {"source": "payments_br", "endpoint": "fraud-br", "column": "amount"},
    "change_events": {"subject": "urn:vigia:source:payments_br", "column": "amount", "minutes": 1440},
    "freshness": {"view": "card_velocity", "tenant": "br"},
    "job_history": {"job": "urn:vigia:job:materialize-card_velocity", "tenant": "br"},
    "parity": {"view": "card_velocity", "tenant": "br", "sample": 40},
    "score_distribution": {"endpoint": "fraud-br", "minutes": 10},
    "rollout_status": {"endpoint": "fraud-br"},
}
HEALTHY: Patch = {
    "connector_status": {
        "state": "running",
        "up": True,
        "failed": False,
        "deployment": "urn:vigia:deployment:ingest-br",
    },
    "source_volume": {"silent": False, "silent_minutes": 0.3, "ratio": 1.0, "z": 0.1, "usual_per_minute": 12.0},
    "source_quality": {"breaches": 0, "value_nulls": False, "key_nulls": False} | null_counts(0, 120),
    "schema_diff": {"renamed": False, "already_mapped": False, "new_count": 0},
    "column_profile": {"changed": False, "is_unit_factor": False, "same_shape": None, "changed_at": None},
    "segment_compare": {"moved": 0, "only_one_moved": False},
    "drift_against_baseline": {"drifted": False, "psi": 0.05, "monitor": "urn:vigia:monitor:drift-payments_br-amount"},
    "request_agreement": {
        "agrees": True,
        "request_moved": False,
        "same_move": True,
        "request_rows": 150,
        "rows_per_request": 1.0,
    },
    "change_events": {"deploy_minutes_before": None, "campaign_minutes_before": None},
    "freshness": {"over_sla": False, "materialization_behind": False, "quarantined": False, "lag_seconds": 30.0},
    "job_history": {"runs": 60, "failing": False, "error_kind": None, "consecutive_failures": 0},
    "parity": {"agrees": True, "compared": 160, "mismatches": 0},
    "score_distribution": {"shifted": False, "canary_requests": 0, "canary_worse": None, "champion_shifted": None},
    "rollout_status": {"has_canary": False, "minutes_since_rollout": None, "champion": "1", "canary": None},
}

DEPLOY: Figures = {
    "deploy_minutes_before": 1.0,
    "deploy_subject": "urn:vigia:deployment:ingest-br",
    "deploy_version": "4.7.0",
    "deploy_at": (ONSET - timedelta(minutes=1)).isoformat(),
}
MOVED: Figures = {
    "changed": True,
    "changed_at": ONSET.isoformat(),
    "p50_before": 44.0,
    "p50_after": 110.0,
    "ratio": 2.5,
    "same_shape": False,
}
ONLY_HERE: Figures = {"only_one_moved": True, "moved": 1, "moved_sources": "payments_br"}
DRIFTED: Figures = {"drifted": True, "psi": 0.9}
STALE: Figures = {"over_sla": True, "lag_seconds": 900.0}

PATCHES: dict[str, Patch] = {
    "source_stopped": {
        "connector_status": {"state": "failed", "up": False, "failed": True, "error": "coordinator not available"},
        "source_volume": {"silent": True, "silent_minutes": 14.0, "ratio": 0.1, "z": -12.0},
        "request_agreement": {"agrees": None, "rows_per_request": 0.0},
        "freshness": STALE,
    },
    "renamed_column": {
        "schema_diff": {"renamed": True, "renamed_from": "device_id", "renamed_to": "device_fingerprint"},
        "source_quality": {"key_nulls": True, "breaches": 1} | null_counts(60, 60, column="device_id", promise=0.0),
        "job_history": {"failing": True, "consecutive_failures": 9, "error_kind": "schema", "last_error": "null key"},
        "freshness": STALE | {"materialization_behind": True},
        "change_events": DEPLOY,
    },
    "null_burst": {
        "source_quality": {"value_nulls": True, "breaches": 1, "broken_columns": "amount"} | null_counts(8, 23),
        "segment_compare": ONLY_HERE,
        "column_profile": {"nulls_changed": True, "changed_at": ONSET.isoformat()},
        "change_events": DEPLOY,
    },
    "unit_change": {
        "column_profile": MOVED | {"ratio": 100.0, "is_unit_factor": True, "unit_factor": 100.0, "same_shape": True},
        "segment_compare": ONLY_HERE,
        "drift_against_baseline": DRIFTED,
        "request_agreement": {"agrees": False, "source_over_request": 100.0, "same_move": False},
        "change_events": DEPLOY,
        "score_distribution": {"shifted": True, "decline_rate": 0.09},
    },
    "population_shift": {
        "column_profile": MOVED | {"ratio": 1.7},
        "segment_compare": ONLY_HERE,
        "drift_against_baseline": DRIFTED,
        "request_agreement": {"request_moved": True, "same_move": True, "request_ratio": 1.7},
        "change_events": {"campaign_minutes_before": 40.0, "campaign_summary": "Night Sale"},
        "source_volume": {"ratio": 1.6, "z": 7.0},
    },
    "bad_deploy": {
        "column_profile": MOVED,
        "segment_compare": ONLY_HERE,
        "drift_against_baseline": DRIFTED,
        "request_agreement": {"agrees": False, "source_over_request": 2.5, "same_move": False},
        "change_events": DEPLOY,
    },
    "bad_model_version": {
        "rollout_status": {"has_canary": True, "canary": "2", "canary_percent": 20, "minutes_since_rollout": 12.0},
        "score_distribution": {
            "shifted": True,
            "canary_requests": 40,
            "canary_version": "2",
            "canary_worse": True,
            "canary_decline_rate": 0.4,
            "champion_decline_rate": 0.014,
            "champion_shifted": False,
        },
    },
    "traffic_drop": {
        "source_volume": {"ratio": 0.3, "z": -7.0},
        "request_agreement": {"request_rows": 40, "rows_per_request": 1.0},
    },
    "materialization_stuck": {
        "freshness": STALE | {"materialization_behind": True, "behind_offline_seconds": 880.0},
        "job_history": {"failing": True, "consecutive_failures": 5, "error_kind": "memory", "last_error": "OOM"},
    },
    "held_by_quarantine": {
        "freshness": STALE | {"materialization_behind": True, "quarantined": True},
    },
}
PAGES: dict[str, tuple[AlertKind, str]] = {
    "source_stopped": ("freshness", "urn:vigia:feature_view:card_velocity"),
    "renamed_column": ("job_failure", "urn:vigia:job:materialize-card_velocity"),
    "null_burst": ("nulls", "urn:vigia:source:payments_br"),
    "unit_change": ("drift", "urn:vigia:source:payments_br"),
    "population_shift": ("drift", "urn:vigia:source:payments_br"),
    "bad_deploy": ("drift", "urn:vigia:source:payments_br"),
    "bad_model_version": ("score_shift", "urn:vigia:endpoint:fraud-br"),
    "traffic_drop": ("volume", "urn:vigia:source:payments_br"),
    "materialization_stuck": ("freshness", "urn:vigia:feature_view:card_velocity"),
    "held_by_quarantine": ("freshness", "urn:vigia:feature_view:card_velocity"),
    "online_store_slow": ("latency", "urn:vigia:endpoint:fraud-br"),
    "model_latency": ("latency", "urn:vigia:endpoint:fraud-br"),
    "endpoint_overprovisioned": ("cost", "urn:vigia:endpoint:fraud-br"),
}


def alert(kind: AlertKind, subject: str, *, tenant: str | None = "br", at: datetime = NOW) -> Alert:
    return Alert(
        source="test",
        fingerprint=f"{kind}{subject}",
        starts_at=at,
        kind=kind,
        subject=subject,
        tenant=tenant,
        summary="",
    )


def page(cause: str) -> list[Alert]:
    """The alert that `cause` raises."""
    kind, subject = PAGES[cause]
    return [alert(kind, subject)]


def piece(
    number: int, tool: str, arguments: dict[str, Any], figures: Figures, status: ObservationStatus = "success"
) -> Evidence:
    return Evidence(
        id=f"E{number}",
        incident_id="inc_1",
        tool=tool,
        arguments=arguments,
        observation=Observation(status=status, summary=tool, figures=figures, note=f"query of {tool}"),
        digest="0" * 64,
        collected_at=NOW,
        wall_ms=1.0,
    )


def evidence(patch: Patch | None = None, *, without: tuple[str, ...] = ()) -> list[Evidence]:
    """The healthy set with `patch` laid over it. Tools in `without` answered with an error."""
    found: list[Evidence] = []
    for number, (tool, figures) in enumerate(HEALTHY.items(), 1):
        status: ObservationStatus = "error" if tool in without else "success"
        values = {} if status == "error" else figures | (patch or {}).get(tool, {})
        found.append(piece(number, tool, ARGUMENTS[tool], values, status))
    return found


def latency_evidence(*, store: list[bool], model: list[bool], job: str = "idle") -> list[Evidence]:
    """One breakdown per endpoint, whose store or model is slower; and the store's job in state `job`."""
    found: list[Evidence] = []
    for number, (slow_store, slow_model) in enumerate(zip(store, model, strict=True), 1):
        figures = {
            "latency_slower": slow_store or slow_model,
            "store_slower": slow_store,
            "model_slower": slow_model,
            "store_p50": 82.0 if slow_store else 2.0,
            "store_p50_before": 2.0,
            "model_p50": 25.0 if slow_model else 0.5,
            "model_p50_before": 0.5,
            "changed_at": ONSET.isoformat(),
        }
        name = f"fraud-{('br', 'ar', 'mx', 'co')[number - 1]}"
        found.append(piece(number, "latency_breakdown", {"endpoint": name}, figures))
    state = {"kind": "job", "state": job, "subject": "urn:vigia:store:online"}
    found.append(piece(5, "resource_status", {"urn": "urn:vigia:job:online-compaction"}, state))
    rollout = {"has_canary": False, "minutes_since_rollout": None}
    found.append(piece(6, "rollout_status", {"endpoint": "fraud-br"}, rollout))
    return found


def cost_evidence(*, cpu: float, suggested: int, replicas: int = 12, ratio: float = 0.01) -> list[Evidence]:
    figures = {
        "idle": cpu < 0.05,
        "cpu_peak": cpu,
        "cpu_utilization": cpu,
        "requests_ratio": ratio,
        "requests_per_day": 40.0,
        "replicas": replicas,
        "suggested_replicas": suggested,
        "monthly_saving_usd": 1600.0,
    }
    return [piece(1, "usage_cost", {"endpoint": "fraud-br", "days": 30}, figures)]
