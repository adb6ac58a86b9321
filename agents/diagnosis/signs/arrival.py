"""Whether rows arrive, and whether what arrived reaches the online store."""

from __future__ import annotations

from agents.diagnosis.sign import Figures, Sign, flag, number


def _requests_flow(figures: Figures) -> bool | None:
    """Every payment is scored once: rows missing while requests come is a broken path, not missing customers."""
    requests, per_request = number(figures, "request_rows"), number(figures, "rows_per_request")
    if requests is None or requests < 8 or per_request is None:
        return None
    return per_request < 0.35


def _volume_low(figures: Figures) -> bool | None:
    ratio, z = number(figures, "ratio"), number(figures, "z")
    return None if ratio is None or z is None else ratio < 0.5 and z < -4


def _volume_high(figures: Figures) -> bool | None:
    ratio, z = number(figures, "ratio"), number(figures, "z")
    return None if ratio is None or z is None else ratio > 1.3 and z > 3


CONNECTOR_DOWN = Sign(
    name="connector_down",
    tool="connector_status",
    reads=("up", "state", "error"),
    test=flag("failed"),
    holds="connector {source} failed: {error}",
    fails="connector {source} has not failed ({state})",
    base=0.05,
)
SOURCE_SILENT = Sign(
    name="source_silent",
    tool="source_volume",
    reads=("silent", "silent_minutes"),
    test=flag("silent"),
    holds="no row of {source} for {silent_minutes:.1f} min, usually {usual_per_minute:.1f} a minute",
    fails="{source} delivers rows, the last {silent_minutes:.1f} min ago",
    base=0.06,
)
VOLUME_LOW = Sign(
    name="volume_low",
    tool="source_volume",
    reads=("ratio", "z"),
    test=_volume_low,
    holds="{source} delivers {rows_per_minute:.1f} rows a minute, usually {usual_per_minute:.1f}",
    fails="{source} has not lost its volume ({rows_per_minute:.1f} a minute, usually {usual_per_minute:.1f})",
    base=0.12,
)
VOLUME_HIGH = Sign(
    name="volume_high",
    tool="source_volume",
    reads=("ratio", "z"),
    test=_volume_high,
    holds="{source} delivers {rows_per_minute:.1f} rows a minute, more than the usual {usual_per_minute:.1f}",
    fails="{source} delivers no more rows than usual",
    base=0.06,
)
ROWS_MISSING = Sign(
    name="rows_missing",
    tool="request_agreement",
    reads=("request_rows", "rows_per_request"),
    test=_requests_flow,
    holds="{endpoint} answered {request_rows} requests while {source} got {source_rows} rows",
    fails="{source} gets {rows_per_request:.2f} rows per scoring request: none are missing",
    base=0.07,
)
VIEW_STALE = Sign(
    name="view_stale",
    tool="freshness",
    reads=("over_sla", "lag_seconds"),
    test=flag("over_sla"),
    holds="{view} of {tenant} lags {lag_seconds:.0f} s, SLA {sla_seconds:.0f} s",
    fails="{view} of {tenant} is fresh ({lag_seconds:.0f} s, SLA {sla_seconds:.0f} s)",
    base=0.2,
)
MATERIALIZATION_BEHIND = Sign(
    name="materialization_behind",
    tool="freshness",
    reads=("materialization_behind", "behind_offline_seconds"),
    test=flag("materialization_behind"),
    holds="rows arrived offline but {view} of {tenant} is {behind_offline_seconds:.0f} s behind them",
    fails="{view} of {tenant} is not behind what arrived offline",
    base=0.12,
)
QUARANTINED = Sign(
    name="quarantined",
    tool="freshness",
    reads=("quarantined",),
    test=flag("quarantined"),
    holds="the source of {view} for {tenant} is quarantined",
    fails="no quarantine holds {view} of {tenant} back",
    base=0.03,
)
JOB_FAILING = Sign(
    name="job_failing",
    tool="job_history",
    reads=("failing", "consecutive_failures"),
    test=flag("failing"),
    holds="{job} failed {consecutive_failures} times in a row",
    fails="{job} succeeds",
    base=0.12,
)
JOB_SCHEMA_ERROR = Sign(
    name="job_schema_error",
    tool="job_history",
    reads=("error_kind", "last_error"),
    test=lambda figures: None if "error_kind" not in figures else figures["error_kind"] == "schema",
    holds="{job} fails on the shape of its input: {last_error}",
    fails="{job} reports no schema error",
    base=0.06,
)
JOB_STOPPED = Sign(
    name="job_stopped",
    tool="job_history",
    reads=("runs", "cancelled"),
    test=lambda f: None if "runs" not in f else f["runs"] == 0 or f.get("cancelled") is True,
    holds="{job} does not run: {runs} runs lately, asked to be {desired}",
    fails="{job} runs ({runs} runs)",
    base=0.05,
)
PARITY_BROKEN = Sign(
    name="parity_broken",
    tool="parity",
    reads=("agrees", "mismatch_rate"),
    test=lambda figures: None if not isinstance(figures.get("agrees"), bool) else not figures["agrees"],
    holds="{mismatches} of {compared} online values of {view} differ from offline, most in {worst_feature}",
    fails="online = offline for the same rows ({compared} values of {view}): materialization is right",
    base=0.1,
)
