"""Feast's data sources as ours: files are read where they lie, everything else is named and left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from platform_core.attached.feast.names import our_name
from platform_core.attached.feast.types import dtype_of, dtype_of_arrow
from platform_core.catalog.specs import Column, DataSource, Dtype, Feature

NOBODY = "unknown"


class SourceImport:
    """Makes each source once and adds to it what further views read from it."""

    def __init__(self, repository: Path, tenant: str, notes: list[str]) -> None:
        self._repository = repository
        self._tenant = tenant
        self._notes = notes
        self.made: dict[str, DataSource] = {}
        self._said: set[str] = set()

    def source(
        self, view: Any, keys: Sequence[str], key_types: Mapping[str, Any], features: Sequence[Feature]
    ) -> DataSource | None:
        """The source of `view`; None, with a note, for one that cannot be read in place."""
        batch = view.batch_source
        if view.stream_source is not None:
            kind = type(view.stream_source).__name__
            self._say(
                f"view {view.name!r} also takes {kind} {view.stream_source.name!r}: only its batch source is read"
            )
        if type(batch).__name__ != "FileSource":
            self._say(f"data source {batch.name!r} is a {type(batch).__name__}: only files are read in place")
            return None
        if "://" in batch.path:
            self._say(f"data source {batch.name!r} lies at {batch.path}: only local files are read in place")
            return None
        if batch.field_mapping:
            renamed = ", ".join(f"{a} -> {b}" for a, b in batch.field_mapping.items())
            self._say(f"data source {batch.name!r} renames columns ({renamed}): not carried over")
            return None
        path = self._repository / batch.path
        stored = self._stored(path, batch.name)
        event = str(batch.timestamp_field)
        created = str(batch.created_timestamp_column or event)
        if not batch.created_timestamp_column:
            self._say(f"data source {batch.name!r} has no created time: the event time stands for it")
        wanted: dict[str, Dtype] = {event: "timestamp", created: "timestamp"}
        for key in keys:
            wanted[key] = dtype_of(key_types.get(key)) or "string"
        for feature in features:
            wanted[feature.name] = feature.dtype
        known = _dtypes(stored)
        for column in wanted:
            if column in stored.names and getattr(stored.field(column).type, "tz", "UTC") is None:
                self._say(f"column {column!r} of {batch.name!r} has times without a zone: write them as UTC to read it")
        name = our_name(batch.name or view.name)
        before = {c.name: c for c in self.made[name].columns} if name in self.made else {}
        said = {f.name: f.description for f in features}
        sure = {*keys, event, created}
        fresh: dict[str, Column] = {}
        for column, declared in wanted.items():
            description = said.get(column) or _role(column, keys, event, created)
            nulls = 0.0 if column in sure else 1.0
            fresh[column] = Column(
                name=column, dtype=known.get(column) or declared, description=description, max_null_rate=nulls
            )
        self.made[name] = DataSource(
            name=name,
            tenant=self._tenant,
            table=name,
            path=str(path),
            event_timestamp=event,
            created_timestamp=created,
            columns=tuple({**before, **{k: v for k, v in fresh.items() if k not in before}}.values()),
            owner=batch.owner or NOBODY,
            description=batch.description or "",
        )
        return self.made[name]

    def _stored(self, path: Path, name: str) -> pa.Schema:
        """Of the files; empty, with a note, when they cannot be read: then the declaration holds."""
        try:
            if (path / "_delta_log").is_dir():
                from platform_core.features.offline.delta import DeltaOfflineStore

                return DeltaOfflineStore(path.parent).schema(path.name)
            return ds.dataset(str(path), format="parquet").schema
        except (OSError, pa.ArrowException) as error:
            self._say(f"data source {name!r} could not be looked into ({error}): its types are Feast's")
            return pa.schema([])

    def _say(self, note: str) -> None:
        if note not in self._said:
            self._said.add(note)
            self._notes.append(note)


def _dtypes(schema: pa.Schema) -> dict[str, Dtype]:
    found: dict[str, Dtype | None] = {field.name: dtype_of_arrow(field.type) for field in schema}
    return {name: dtype for name, dtype in found.items() if dtype is not None}


def _role(column: str, keys: Sequence[str], event: str, created: str) -> str:
    if column in keys:
        return "Join key."
    return {created: "When the row was written.", event: "When it happened."}.get(column, "")
