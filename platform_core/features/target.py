"""What a materialization works on: one view for one tenant, with how its source is to be read today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from foundation.canonical import digest
from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog, DataSource, FeatureView
from platform_core.features.keys import entity_key_sql
from platform_core.features.transformations import SourceColumns, quote
from platform_core.operations.resources import JobSpec, ResourceReader, SourceSpec
from platform_core.urn import urn

KEY = "__key"
"""The column of the entity's key, made of the join keys, in what queries read."""


@dataclass(frozen=True, slots=True)
class Target:
    view: FeatureView
    tenant: str
    source: DataSource
    join_keys: tuple[str, ...]
    spec: SourceSpec

    @property
    def columns(self) -> SourceColumns:
        return SourceColumns(KEY, self.source.event_timestamp, self.source.created_timestamp)

    @property
    def needed(self) -> list[str]:
        """The source's columns that the view cannot do without."""
        used = [a.column for a in self.view.aggregations] or [f.name for f in self.view.features]
        return [*self.join_keys, self.source.event_timestamp, *used]

    def keyed(self, relation: str) -> str:
        """SQL: `relation` (catalog columns) with the entity key as text in the column `KEY`."""
        return f"(SELECT *, {entity_key_sql([quote(k) for k in self.join_keys])} AS {KEY} FROM {relation})"  # noqa: S608

    @property
    def definition(self) -> str:
        """A digest of what the view's values mean: where it changed, the values that are there mean something else."""
        view, source = self.view, self.source
        filters = " ".join(a.filter or "" for a in view.aggregations)
        read = {*self.needed, source.created_timestamp}
        return digest(
            {
                "join_keys": self.join_keys,
                "aggregations": [a.model_dump(mode="json") for a in view.aggregations],
                "fields": {f.name: f.dtype for f in view.fields},
                "source": [source.name, source.table, source.path, source.event_timestamp, source.created_timestamp],
                "columns": {c.name: c.dtype for c in source.columns if c.name in read or c.name in filters},
            }
        )

    @property
    def mapping(self) -> dict[str, str]:
        """The part of the source's field mapping that this view reads."""
        used = set(self.needed)
        return {name: stored for name, stored in self.spec.field_mapping.items() if name in used}


class Targets:
    """Resolves (view, tenant) against the catalog and the control plane."""

    def __init__(self, catalog: Catalog, resources: ResourceReader) -> None:
        self._catalog = catalog
        self._resources = resources

    def find(self, view: str, tenant: str) -> Target:
        """Raises InvalidInput for an unknown view, or a tenant that has no source in it."""
        spec = next((v for v in self._catalog.feature_views if v.name == view), None)
        if spec is None:
            known = ", ".join(v.name for v in self._catalog.feature_views)
            raise InvalidInput(f"no feature view {view!r} in the catalog", hint=f"views: {known}")
        sources = [self._catalog.source(name) for name in spec.sources]
        source = next((s for s in sources if s.tenant == tenant), None)
        if source is None:
            known = ", ".join(s.tenant for s in sources)
            raise InvalidInput(f"feature view {view!r} has no source of tenant {tenant!r}", hint=f"tenants: {known}")
        keys = self._catalog.entity(spec.entity).join_keys
        return Target(spec, tenant, source, keys, source_spec(self._resources, source.name))

    def readers(self, source: DataSource) -> list[FeatureView]:
        """The views that compute from `source`."""
        return [v for v in self._catalog.feature_views if source.name in v.sources]

    def cancelled(self, view: str) -> bool:
        """Whether somebody cancelled the view's materialization job. A job that nobody controls runs."""
        try:
            return cast(JobSpec, self._resources.get(job_urn(view)).spec).desired == "cancelled"
        except NotFound:
            return False


def source_spec(resources: ResourceReader, source: str) -> SourceSpec:
    """How `source` is to be read today; one that nobody controls has no quarantine and no mapping."""
    try:
        spec = resources.get(urn("source", source)).spec
    except NotFound:
        return SourceSpec()
    return spec if isinstance(spec, SourceSpec) else SourceSpec()


def job_urn(view: str) -> str:
    return urn("job", f"materialize-{view}")
