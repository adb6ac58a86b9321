"""Which probes an incident calls for: by the kinds of its alerts and what lies around their subjects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agents.diagnosis.scope import Scope, column_of, endpoints, job_of, level_column, scopes_of, store_jobs
from foundation.canonical import canonical_bytes
from platform_core.catalog.specs import DataSource
from platform_core.monitoring.alert import Alert, AlertKind
from platform_core.urn import parse_urn, urn
from platform_core.view import PlatformView
from tools.runner import ToolCall

ProbeCall = ToolCall

MAX_PROBES = 28
_DATA: frozenset[AlertKind] = frozenset(
    {"freshness", "volume", "nulls", "drift", "job_failure", "score_shift", "errors", "other", "quality", "parity"}
)
_LATENCY: frozenset[AlertKind] = frozenset({"latency", "errors"})
_WEEKS = 30 * 24 * 60


def probes_for(alerts: Sequence[Alert], platform: PlatformView) -> list[ProbeCall]:
    """About ten calls, without repeats, in a stable order: the alerts by time and fingerprint, then as written here."""
    calls: dict[bytes, ProbeCall] = {}
    ordered = sorted(alerts, key=lambda a: (a.starts_at, a.fingerprint))
    for alert in ordered:
        # one onset for the whole incident: alerts of one fault must not ask the same twice
        for call in _probes(alert.model_copy(update={"starts_at": ordered[0].starts_at}), platform):
            calls.setdefault(canonical_bytes([call.tool, call.arguments]), call)
    return list(calls.values())[:MAX_PROBES]


def _probes(alert: Alert, platform: PlatformView) -> Iterator[ProbeCall]:
    if alert.kind == "cost":
        yield from _cost(alert)
        return
    if alert.kind in _LATENCY:
        yield from _latency(alert, platform)
    if alert.kind in _DATA:
        yield from _data(alert, platform)


def _data(alert: Alert, platform: PlatformView) -> Iterator[ProbeCall]:
    """Did rows come, are they what they were, what changed before, and did it reach the online store and the model."""
    for scope in scopes_of(alert, platform):
        if scope.source is not None:
            yield from _source(scope, scope.source, alert)
        yield from _serving(scope, platform)


def _source(scope: Scope, source: DataSource, alert: Alert) -> Iterator[ProbeCall]:
    column = column_of(alert, source)
    level = level_column(column, source)
    about: dict[str, Any] = {"source": source.name}
    yield _call("connector_status", **about)
    yield _call("source_volume", **about)
    yield _call("source_quality", **about)
    yield _call("schema_diff", **about)
    changes: dict[str, Any] = {"subject": urn("source", source.name), "minutes": 1440}
    if column is not None:
        changes["column"] = column
        yield _call("column_profile", **about, column=column)
        yield _call("segment_compare", column=column)
    if level is not None:
        if level != column:
            yield _call("column_profile", **about, column=level)
        yield _call("drift_against_baseline", **about, column=level)
        if scope.endpoint is not None:
            yield _call("request_agreement", **about, endpoint=scope.endpoint, column=level)
    yield _call("change_events", **changes, onset=alert.starts_at.isoformat())


def _serving(scope: Scope, platform: PlatformView) -> Iterator[ProbeCall]:
    view = scope.views[0] if scope.views else None
    if view is not None and scope.tenant is not None:
        yield _call("freshness", view=view, tenant=scope.tenant)
        yield _call("job_history", job=job_of(view, platform), tenant=scope.tenant)
        yield _call("parity", view=view, tenant=scope.tenant)
    if scope.endpoint is not None:
        yield _call("score_distribution", endpoint=scope.endpoint)
        yield _call("rollout_status", endpoint=scope.endpoint)


def _latency(alert: Alert, platform: PlatformView) -> Iterator[ProbeCall]:
    """Store or model; one endpoint or all; what was rolled out; what runs on the store."""
    kind, name = parse_urn(alert.subject)
    everyone = endpoints(platform)
    own = [name] if kind == "endpoint" and name in everyone else []
    for endpoint in (*own, *(e for e in everyone if e not in own)):
        yield _call("latency_breakdown", endpoint=endpoint)
    for job in store_jobs(platform):
        yield _call("resource_status", urn=job)
    for endpoint in own:
        yield _call("rollout_status", endpoint=endpoint)
    yield _call("change_events", subject=alert.subject, minutes=360, onset=alert.starts_at.isoformat())


def _cost(alert: Alert) -> Iterator[ProbeCall]:
    name = parse_urn(alert.subject)[1]
    yield _call("usage_cost", endpoint=name)
    yield _call("rollout_status", endpoint=name)
    yield _call("change_events", subject=alert.subject, minutes=_WEEKS)
    yield _call("latency_breakdown", endpoint=name, minutes=1440)


def _call(tool: str, **arguments: Any) -> ProbeCall:
    return ToolCall(tool=tool, arguments=arguments)
