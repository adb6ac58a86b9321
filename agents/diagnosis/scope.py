"""What an alert is about, resolved by the catalog and the lineage: the names that probes are asked with.

Nothing from an alert's text is used as a name unless the catalog, the resources or the lineage know it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from agents.diagnosis.suspects import suspects
from foundation.errors import NotFound
from platform_core.catalog.specs import DataSource, FeatureView
from platform_core.monitoring.alert import Alert
from platform_core.operations.resources import JobSpec
from platform_core.urn import parse_urn, urn
from platform_core.view import PlatformView

_NUMERIC = ("float64", "int64")


@dataclass(frozen=True)
class Scope:
    tenant: str | None
    source: DataSource | None
    """Of the tenant, upstream of the alert's subject; None when no source looks as if anything were wrong with it."""

    views: tuple[str, ...]
    endpoint: str | None


MOST_SOURCES = 2


def scopes_of(alert: Alert, platform: PlatformView) -> list[Scope]:
    """Resolve `alert`: one scope per source that it may be about, with that source's own tenant, views and endpoint, so
    that a fault of one tenant is never looked for in another's data.

    An alert about what tenants share (a view, a model) and without a tenant is about the sources in which something
    shows; when nothing does in any, about the endpoints that the subject feeds.
    """
    subject = alert.subject
    kind, name = parse_urn(subject)
    tenant = alert.tenant or platform.lineage.tenant(subject)
    if kind == "job":
        subject = _job_subject(platform, subject) or subject
    near = {subject, *platform.lineage.upstream(subject, tenant=tenant)}
    if kind in ("source", "connector", "deployment"):
        near |= set(platform.lineage.downstream(subject, tenant=tenant))
    sources = tuple(s for s in platform.catalog.sources if urn("source", s.name) in near and tenant in (None, s.tenant))
    if kind in ("source", "connector"):
        sources = tuple(s for s in sources if s.name == name) or sources
    if tenant is None and len({s.tenant for s in sources}) > 1:
        sources = suspects(sources, column_of(alert, sources[0]), platform)
        if not sources:
            return [_scope(None, None, endpoint, None, platform) for endpoint in _fed(subject, None, platform)]
    subject_view = parse_urn(subject)[1] if parse_urn(subject)[0] == "feature_view" else None
    own = name if kind == "endpoint" else None
    return [
        _about_column(
            _scope(source.tenant, source, own or _busiest_endpoint(source, platform), subject_view, platform),
            _label(alert),
            platform,
        )
        for source in sources[:MOST_SOURCES]
    ] or [_scope(tenant, None, own, subject_view, platform)]


def _scope(
    tenant: str | None, source: DataSource | None, endpoint: str | None, view: str | None, platform: PlatformView
) -> Scope:
    views = tuple(v.name for v in platform.catalog.feature_views if source is not None and source.name in v.sources)
    return Scope(tenant, source, tuple(v for v in views if v == view) or views, endpoint)


def _about_column(scope: Scope, column: str, platform: PlatformView) -> Scope:
    """What a column's trouble breaks first: the view that is keyed by it, then those that compute with it."""
    views = [v for v in platform.catalog.feature_views if v.name in scope.views]
    views.sort(key=lambda v: (column not in _keys(v, platform), column not in {a.column for a in v.aggregations}))
    return replace(scope, views=tuple(v.name for v in views))


def _keys(view: FeatureView, platform: PlatformView) -> set[str]:
    return {key for e in platform.catalog.entities if e.name == view.entity for key in e.join_keys}


def column_of(alert: Alert, source: DataSource) -> str | None:
    """The column the alert names in its labels, if the catalog has it; else the source's first numeric column."""
    label = _label(alert)
    if label in {c.name for c in source.columns}:
        return label
    return level_column(None, source)


def level_column(column: str | None, source: DataSource) -> str | None:
    """`column` where it has a level that can change; else the source's first that has: keys and texts can only be
    lost or renamed."""
    numeric = [c.name for c in source.columns if c.dtype in _NUMERIC]
    return column if column in numeric else next(iter(numeric), None)


def _label(alert: Alert) -> str:
    return alert.labels.get("column") or alert.labels.get("monitor", "").rsplit("-", 1)[-1]


def job_of(view: str, platform: PlatformView) -> str:
    """URN of the job that materializes `view`: the one whose spec says so, else the one named after it."""
    subject = urn("feature_view", view)
    for resource in platform.resources.list(kind="job"):
        if isinstance(resource.spec, JobSpec) and resource.spec.subject == subject:
            return resource.urn
    return urn("job", f"materialize-{view}")


def store_jobs(platform: PlatformView) -> list[str]:
    """Jobs that work on a store that answers requests."""
    return [
        r.urn
        for r in platform.resources.list(kind="job")
        if isinstance(r.spec, JobSpec) and parse_urn(r.spec.subject)[0] == "store"
    ]


def endpoints(platform: PlatformView) -> list[str]:
    """Names of all endpoints, in order."""
    return sorted(parse_urn(r.urn)[1] for r in platform.resources.list(kind="endpoint"))


def _job_subject(platform: PlatformView, job: str) -> str | None:
    try:
        spec = platform.resources.get(job).spec
    except NotFound:
        return None
    return spec.subject if isinstance(spec, JobSpec) else None


def _fed(subject: str, tenant: str | None, platform: PlatformView) -> list[str]:
    """Names of the endpoints that `subject` feeds."""
    nodes = (parse_urn(node) for node in platform.lineage.downstream(subject, tenant=tenant))
    return sorted(name for kind, name in nodes if kind == "endpoint")


def _busiest_endpoint(source: DataSource, platform: PlatformView) -> str | None:
    """Of the endpoints that the source feeds, the one with most requests lately: a retired one shows nothing."""
    now = platform.clock.now()
    start = now - timedelta(minutes=30)
    fed = _fed(urn("source", source.name), source.tenant, platform)
    return max(fed, key=lambda n: platform.predictions.read(start, now, endpoint=n).num_rows, default=None)
