"""What an alert is about, resolved by the catalog and the lineage: the names that probes are asked with.

Nothing from an alert's text is used as a name unless the catalog, the resources or the lineage know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from foundation.errors import NotFound
from platform_core.catalog.specs import DataSource
from platform_core.monitoring.alert import Alert
from platform_core.operations.resources import JobSpec
from platform_core.urn import parse_urn, urn
from platform_core.view import PlatformView

_NUMERIC = ("float64", "int64")


@dataclass(frozen=True)
class Scope:
    tenant: str | None
    sources: tuple[DataSource, ...]
    """Of the alert's tenant, upstream of its subject."""

    views: tuple[str, ...]
    endpoint: str | None


def scope_of(alert: Alert, platform: PlatformView) -> Scope:
    """Resolve `alert`. Its tenant's own sources only: a fault of one tenant is not looked for in another's data."""
    subject = alert.subject
    kind, name = parse_urn(subject)
    tenant = alert.tenant or platform.lineage.tenant(subject)
    if kind == "job":
        subject = _job_subject(platform, subject) or subject
    near = {subject, *platform.lineage.upstream(subject, tenant=tenant)}
    if kind in ("source", "connector", "deployment"):
        near |= set(platform.lineage.downstream(subject, tenant=tenant))
    sources = tuple(s for s in platform.catalog.sources if urn("source", s.name) in near and tenant in (None, s.tenant))
    if tenant is None and len(sources) == 1:
        tenant = sources[0].tenant
    if kind in ("source", "connector"):
        sources = tuple(s for s in sources if s.name == name) or sources
    fed = {s.name for s in sources}
    subject_view = parse_urn(subject)[1] if parse_urn(subject)[0] == "feature_view" else None
    views = [v.name for v in platform.catalog.feature_views if fed & set(v.sources)]
    if subject_view in views:
        views = [subject_view]
    endpoint = name if kind == "endpoint" else _busiest_endpoint(platform, sources, tenant)
    return Scope(tenant=tenant, sources=sources[:2], views=tuple(views), endpoint=endpoint)


def column_of(alert: Alert, source: DataSource) -> str | None:
    """The column the alert names in its labels, if the catalog has it; else the source's first numeric column."""
    names = {c.name for c in source.columns}
    label = alert.labels.get("column") or alert.labels.get("monitor", "").rsplit("-", 1)[-1]
    if label in names:
        return label
    return next((c.name for c in source.columns if c.dtype in _NUMERIC), None)


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


def _busiest_endpoint(platform: PlatformView, sources: tuple[DataSource, ...], tenant: str | None) -> str | None:
    """Of the endpoints that the sources feed, the one with most requests lately: a retired one shows nothing."""
    fed: list[str] = []
    for source in sources:
        for node in platform.lineage.downstream(urn("source", source.name), tenant=tenant):
            kind, name = parse_urn(node)
            if kind == "endpoint" and name not in fed:
                fed.append(name)
    now = platform.clock.now()
    start = now - timedelta(minutes=30)
    return max(fed, key=lambda n: platform.predictions.read(start, now, endpoint=n).num_rows, default=None)
