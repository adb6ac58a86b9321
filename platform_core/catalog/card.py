"""Cards: one page of Markdown about a view or a service, from the catalog and, where known, from what is live.

The page holds no HTML and no markup that came in as data: what people wrote into the catalog is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from foundation.frozen import Frozen
from platform_core.catalog.durations import format_duration
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.specs import Aggregation, Catalog, Feature, FeatureService, FeatureView
from platform_core.urn import urn

_MARKUP = re.compile(r"([\\`*_\[\]<>|#])")


class FeatureFigures(Frozen):
    """Of one feature over the rows that were looked at."""

    null_rate: float
    minimum: float | None
    maximum: float | None


class TenantState(Frozen):
    """A view's values of one tenant as they are now."""

    newest_event: datetime | None
    """Of the values online; None when there are none."""

    lag: timedelta | None
    last_run: str
    """How the newest materialization ended, e.g. `succeeded 2026-11-19 05:40 UTC, 12 rows`; empty: there was none."""

    rows: int
    """Feature rows of the last day."""

    features: Mapping[str, FeatureFigures]


ViewState = Mapping[str, TenantState]
"""By tenant."""


def view_card(catalog: Catalog, view: FeatureView, lineage: Lineage, state: ViewState | None = None) -> str:
    """`state` adds what is live; without it the card says only what was declared."""
    entity = catalog.entity(view.entity)
    latency = format_duration(view.latency_sla) if view.latency_sla else "none"
    facts = [
        ("Owner", f"{_text(view.owner)}, {_text(view.channel)}"),
        ("Entity", f"{_code(view.entity)} by {', '.join(map(_code, entity.join_keys))}: {_text(entity.description)}"),
        ("Tenants", ", ".join(map(_code, catalog.tenants(view.name)))),
        ("Environments", ", ".join(view.environments)),
        ("Time to live", format_duration(view.ttl)),
        ("Freshness SLA", format_duration(view.freshness_sla)),
        ("Latency SLA (p99)", latency),
        ("Monitors", _monitors(view)),
    ]
    parts = [f"# Feature view {_code(view.name)}", _text(view.description), _facts(facts), "## Features"]
    parts.append(_table(("feature", "type", "how", "promise", "PII", "description"), _feature_rows(view)))
    parts += ["## Lineage", *_lineage(lineage, urn("feature_view", view.name))]
    if state is not None:
        parts += ["## Now", *_now(view, state)]
    return "\n\n".join(parts) + "\n"


def service_card(catalog: Catalog, service: FeatureService, lineage: Lineage) -> str:
    names = dict.fromkeys(reference.split(":", 1)[0] for reference in service.features)
    views = {name: catalog.feature_view(name) for name in names}
    fields = {f"{v.name}:{f.name}": f for v in views.values() for f in v.fields}
    keys = {v.entity: catalog.entity(v.entity).join_keys for v in views.values()}
    facts = [
        ("Owner", ", ".join(_text(part) for part in (service.owner, service.channel) if part)),
        ("Environments", ", ".join(service.environments)),
        (
            "Asks for",
            "; ".join(f"{_code(entity)} by {', '.join(map(_code, columns))}" for entity, columns in keys.items()),
        ),
    ]
    rows = [
        (_code(reference), _code(reference.replace(":", "__")), fields[reference].dtype, fields[reference].pii)
        for reference in service.features
    ]
    parts = [f"# Feature service {_code(service.name)}", _text(service.description), _facts(facts), "## Features"]
    parts.append(_table(("feature", "column", "type", "PII"), rows))
    if service.request_fields:
        requested = [(_code(f.name), f.dtype, _text(f.description)) for f in service.request_fields]
        parts += ["## With the request", _table(("field", "type", "description"), requested)]
    parts += ["## Lineage", *_lineage(lineage, urn("feature_service", service.name))]
    return "\n\n".join(parts) + "\n"


def _feature_rows(view: FeatureView) -> Iterator[tuple[str, ...]]:
    made = {a.name: a for a in view.aggregations}
    for f in view.fields:
        yield _code(f.name), f.dtype, _how(made.get(f.name)), _promise(f), f.pii, _text(f.description)


def _how(aggregation: Aggregation | None) -> str:
    if aggregation is None:
        return "as in the source"
    condition = f" where {_code(aggregation.filter)}" if aggregation.filter else ""
    window = format_duration(aggregation.window)
    return f"{aggregation.function} of {_code(aggregation.column)} over {window}{condition}"


def _promise(feature: Feature) -> str:
    said = [f">= {feature.minimum:g}"] if feature.minimum is not None else []
    said += [f"<= {feature.maximum:g}"] if feature.maximum is not None else []
    said += [f"nulls <= {feature.max_null_rate:.2%}"] if feature.max_null_rate < 1 else []
    return _text(", ".join(said)) or "none"


def _monitors(view: FeatureView) -> str:
    on = ["freshness"] if view.monitors.freshness else []
    on += [f"{view.monitors.job_failures} failed jobs in a row"] if view.monitors.job_failures is not None else []
    on += [f"drift at PSI {view.monitors.drift_psi:g}"] if view.monitors.drift_psi is not None else []
    on += [f"promises, {view.monitors.promises:.2%} of values beyond"] if view.monitors.promises is not None else []
    on += [f"parity at {view.monitors.parity:.2%}"] if view.monitors.parity is not None else []
    on += ["nightly screen"] if view.monitors.screen else []
    return ", ".join(on) or "none"


def _lineage(lineage: Lineage, node: str) -> Iterator[str]:
    for title, nodes in (("Fed by", lineage.upstream(node)), ("Read by", lineage.downstream(node))):
        names = [_code(n.removeprefix("urn:vigia:")) for n in nodes]
        yield f"{title}: {', '.join(names) or 'nothing'}"


def _now(view: FeatureView, state: ViewState) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for tenant, now in state.items():
        late = now.lag is not None and now.lag > view.freshness_sla
        lag = "no values" if now.lag is None else f"{_span(now.lag)}{' (over the SLA)' if late else ''}"
        rows.append((_code(tenant), _time(now.newest_event), lag, f"{now.rows:,}", _text(now.last_run) or "never"))
    yield _table(("tenant", "newest event", "lag", "rows of the last day", "last materialization"), rows)
    figures = [
        (_code(tenant), _code(name), f"{f.null_rate:.2%}", _number(f.minimum), _number(f.maximum))
        for tenant, now in state.items()
        for name, f in now.features.items()
    ]
    if figures:
        yield _table(("tenant", "feature", "nulls", "lowest", "highest"), figures)


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts if value)


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def _text(value: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(value.split()))


def _code(value: str) -> str:
    """As code: only the back tick and, within tables, the bar mean something there."""
    return "`" + " ".join(value.split()).replace("`", "'").replace("|", "\\|") + "`"


def _time(value: datetime | None) -> str:
    return "none" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


def _span(value: timedelta) -> str:
    seconds = max(round(value.total_seconds()), 0)
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    parts = [(days, "d"), (hours, "h"), (seconds // 60, "m"), (seconds % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count)[:12] or "0s"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
