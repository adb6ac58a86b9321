"""The alerts that each fault should cause, and no others."""

from __future__ import annotations

from platform_core.monitoring.alert import AlertKind

ALERTS: dict[str, set[tuple[AlertKind, str]]] = {
    "source_stopped": {
        ("freshness", "urn:vigia:feature_view:card_velocity"),
        ("freshness", "urn:vigia:feature_view:device_risk"),
        ("freshness", "urn:vigia:feature_view:merchant_profile"),
        ("volume", "urn:vigia:source:payments_br"),
    },
    "renamed_column": {
        ("job_failure", "urn:vigia:job:materialize-device_risk"),
        ("freshness", "urn:vigia:feature_view:device_risk"),
        ("nulls", "urn:vigia:source:payments_mx"),
    },
    "null_burst": {("nulls", "urn:vigia:source:payments_co")},
    "unit_change": {("drift", "urn:vigia:source:payments_br"), ("score_shift", "urn:vigia:endpoint:fraud-br")},
    "population_shift": {("drift", "urn:vigia:source:payments_ar")},
    "bad_canary": {("score_shift", "urn:vigia:endpoint:fraud-mx")},
    "online_store_slow": {("latency", f"urn:vigia:endpoint:fraud-{cc}") for cc in ("br", "ar", "mx", "co")},
    "idle_endpoint": {("cost", "urn:vigia:endpoint:fraud-legacy")},
}
