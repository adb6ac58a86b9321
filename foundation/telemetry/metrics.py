"""The copilot's own metrics, on one registry of its own. `render()` is what `/metrics` answers.

What the platform measures about itself (freshness, prediction latency) is in `platform_core`; this is how the copilot
is doing.
"""

from __future__ import annotations

import math
from weakref import WeakSet

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_registries: WeakSet[CollectorRegistry] = WeakSet()


def new_registry(*, auto_describe: bool = False) -> CollectorRegistry:
    """A registry for whatever has metrics of its own; while it is in use they are also sent over OTLP."""
    registry = CollectorRegistry(auto_describe=auto_describe)
    _registries.add(registry)
    return registry


def registries() -> list[CollectorRegistry]:
    """Those in use in this process, that of the copilot first."""
    return [REGISTRY, *(registry for registry in list(_registries) if registry is not REGISTRY)]


REGISTRY = new_registry(auto_describe=True)
TELEMETRY = new_registry(auto_describe=True)
"""Of every process: what it could not tell."""
CONTENT_TYPE = CONTENT_TYPE_LATEST

alerts_received = Counter(
    "vigia_alerts_received", "Alerts accepted for the first time, by kind.", ["kind"], registry=REGISTRY
)
alerts_duplicate = Counter(
    "vigia_alerts_duplicate", "Alerts that repeated one already stored.", ["kind"], registry=REGISTRY
)
alerts_refused = Counter(
    "vigia_alerts_refused", "Webhook calls that were refused, by error code.", ["code"], registry=REGISTRY
)
incidents = Counter(
    "vigia_incidents", "Incidents that entered a status; open counts new ones.", ["status"], registry=REGISTRY
)
tool_runs = Counter("vigia_tool_runs", "Observe tools run, by outcome.", ["tool", "status"], registry=REGISTRY)
approvals = Counter("vigia_approvals", "Approval requests that reached an outcome.", ["outcome"], registry=REGISTRY)
executions = Counter(
    "vigia_executions", "Actions executed, by tool and outcome.", ["tool", "status"], registry=REGISTRY
)
model_calls = Counter("vigia_model_calls", "Language model calls, by outcome.", ["model", "outcome"], registry=REGISTRY)
model_tokens = Counter(
    "vigia_model_tokens", "Language model tokens, by direction.", ["model", "direction"], registry=REGISTRY
)
diagnosis_seconds = Histogram(
    "vigia_diagnosis_seconds",
    "Wall seconds from the start of an investigation to its diagnosis.",
    buckets=(0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60),
    registry=REGISTRY,
)
telemetry_lost = Counter(
    "vigia_telemetry_lost",
    "Spans and log lines, or pushes of metrics, that did not reach the collector.",
    ["signal"],
    registry=TELEMETRY,
)
audit_checkpoint_age = Gauge(
    "vigia_audit_checkpoint_age_seconds",
    "Wall seconds since the audit log's head was last found signed; NaN in a process that signs none.",
    registry=REGISTRY,
)
audit_checkpoint_age.set(math.nan)
worker_last_round = Gauge(
    "vigia_worker_last_round_timestamp_seconds",
    "When the worker last looked for due incidents and could, in seconds since the epoch; 0 in other processes.",
    registry=REGISTRY,
)


def render() -> bytes:
    """The registries in Prometheus' text format; serve it as `CONTENT_TYPE`."""
    return generate_latest(REGISTRY) + generate_latest(TELEMETRY)
