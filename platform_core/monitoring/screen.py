"""The nightly screen: every feature of every view, today's rows against a baseline, in one columnar pass per view.

PSI and Jensen-Shannon are Evidently's (`shares`); what counts as drifted is decided by effect and significance over all
features together (`judgement`). What it flags gets Evidently's full report (`report`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute
from pydantic import Field

from foundation.errors import InvalidInput, VigiaError
from foundation.frozen import Frozen
from platform_core.catalog.specs import Catalog, FeatureView
from platform_core.features.feature_rows import offline_table
from platform_core.features.offline.port import OfflineStore
from platform_core.monitoring.distances import distances
from platform_core.monitoring.judgement import EFFECT, FDR, Evidence, drifted, evidence
from platform_core.monitoring.shares import Column, column_of, histograms, jensen_shannon_of, psi_of

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

WEEKS = 4
SEGMENTS = 50
"""Of a segment's values the most frequent so many are judged."""

Verdict = Literal["steady", "drifted", "too few rows"]


class ScreenSettings(Frozen):
    """`current` before now is judged against a baseline.

    `window`: the `reference` before it. `weekday_hour`: the same hours of the same weekday in the last four weeks, for
    what has a rhythm of the week. `segment`: a column by whose values the rows are judged apart.
    """

    current: timedelta = timedelta(hours=24)
    reference: timedelta = timedelta(days=14)
    baseline: Literal["window", "weekday_hour"] = "window"
    segment: str | None = None
    effect: float = Field(default=EFFECT, gt=0, le=1)
    fdr: float = Field(default=FDR, gt=0, lt=1)


class FeatureDrift(Frozen):
    """One feature (of one segment) and how it compares. Means are None for text."""

    view: str
    tenant: str
    feature: str
    segment: str | None
    reference_rows: int
    current_rows: int
    psi: float | None
    jensen_shannon: float | None
    effect: float
    p_value: float
    reference_mean: float | None
    current_mean: float | None
    distances: dict[str, float] = Field(default_factory=dict[str, float])
    """Of what drifted: Wasserstein and KS of numbers, chi-square of categories (`distances`)."""

    verdict: Verdict


class Screen(Frozen):
    """`unread` are views that could not be judged, with why."""

    current_from: datetime
    current_to: datetime
    baseline: str
    features: tuple[FeatureDrift, ...]
    unread: dict[str, str]
    seconds: float

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        return tuple(f for f in self.features if f.verdict == "drifted")


@dataclass(frozen=True, slots=True)
class _Compared:
    view: str
    tenant: str
    feature: str
    segment: str | None
    reference: Column
    current: Column
    evidence: Evidence


def screen(
    offline: OfflineStore,
    catalog: Catalog,
    now: datetime,
    settings: ScreenSettings | None = None,
    *,
    only: Sequence[tuple[str, str]] | None = None,
    of_views: Mapping[str, ScreenSettings] | None = None,
) -> Screen:
    """Judge every feature of the (view, tenant) pairs in `only`, or of all, together. `of_views`: by view what is
    compared there, where that is not as in `settings`. A view that cannot be read is named in `unread`. Raises NotFound
    for a view that is not in the catalog."""
    settings, of_views = settings or ScreenSettings(), of_views or {}
    began = time.perf_counter()
    pairs = only if only is not None else [(v.name, t) for v in catalog.feature_views for t in catalog.tenants(v.name)]
    found: list[_Compared] = []
    unread: dict[str, str] = {}
    for name, tenant in pairs:
        view, its = catalog.feature_view(name), of_views.get(name, settings)
        try:
            reference, current = samples(offline, view, tenant, now, its)
        except VigiaError as error:
            unread[f"{name} {tenant}"] = str(error)
            continue
        found += _compared(view, tenant, reference, current, its.segment)
    judged = drifted([c.evidence for c in found], effect=settings.effect, fdr=settings.fdr)
    features = tuple(_drift(c, moved) for c, moved in zip(found, judged, strict=True))
    return Screen(
        current_from=now - settings.current,
        current_to=now,
        baseline=settings.baseline,
        features=features,
        unread=unread,
        seconds=round(time.perf_counter() - began, 4),
    )


def samples(
    offline: OfflineStore, view: FeatureView, tenant: str, now: datetime, settings: ScreenSettings
) -> tuple[pa.Table, pa.Table]:
    """The baseline's and the current rows of (view, tenant). Raises NotFound when nothing was ever materialized."""
    table = offline_table(view.name)
    known = offline.schema(table).names
    columns = ["tenant", "event_ts", *(f.name for f in view.fields if f.name in known)]
    if settings.segment is not None and settings.segment not in columns:
        if settings.segment not in known:
            raise InvalidInput(f"{view.name} has no column {settings.segment!r}", hint=f"it has {', '.join(known)}")
        columns.append(settings.segment)

    def read(start: datetime, end: datetime) -> pa.Table:
        rows = offline.read(table, start=start, end=end, columns=columns)
        return rows.filter(_compute.equal(rows["tenant"], tenant))

    begin = now - settings.current
    if settings.baseline == "window":
        return read(begin - settings.reference, begin), read(begin, now)
    if settings.current > timedelta(days=7):
        raise InvalidInput("a baseline by weekday and hour needs a current window of a week at most")
    weeks = [timedelta(days=7 * n) for n in range(1, WEEKS + 1)]
    return pa.concat_tables([read(begin - week, now - week) for week in weeks]), read(begin, now)


def _compared(
    view: FeatureView, tenant: str, reference: pa.Table, current: pa.Table, segment: str | None
) -> Iterator[_Compared]:
    for value, past, present in segments(reference, current, segment):
        for feature in view.fields:
            if feature.name not in past.column_names or feature.dtype == "timestamp":
                continue
            r, c = column_of(past[feature.name]), column_of(present[feature.name])
            yield _Compared(view.name, tenant, feature.name, value, r, c, evidence(r, c))


def segments(
    reference: pa.Table, current: pa.Table, segment: str | None
) -> Iterator[tuple[str | None, pa.Table, pa.Table]]:
    """The rows by the values of the column `segment`, the most frequent ones, each as `<segment>=<value>`."""
    if segment is None:
        yield None, reference, current
        return
    counts = sorted(_compute.value_counts(reference[segment]).to_pylist(), key=lambda pair: -int(pair["counts"]))
    for pair in counts[:SEGMENTS]:
        value = pair["values"]
        if value is not None:
            same = [table.filter(_compute.equal(table[segment], value)) for table in (reference, current)]
            yield f"{segment}={value}", same[0], same[1]


def _drift(compared: _Compared, moved: bool) -> FeatureDrift:
    r, c, found = compared.reference, compared.current, compared.evidence
    psi = distance = None
    if len(r.values) and len(c.values):
        counts = histograms(r, c)
        psi, distance = psi_of(*counts), jensen_shannon_of(*counts)
    return FeatureDrift(
        view=compared.view,
        tenant=compared.tenant,
        feature=compared.feature,
        segment=compared.segment,
        reference_rows=found.reference_rows,
        current_rows=found.current_rows,
        psi=psi,
        jensen_shannon=distance,
        effect=found.effect,
        p_value=found.p_value,
        reference_mean=_mean(r),
        current_mean=_mean(c),
        distances=dict(distances(r, c)) if moved and len(r.values) and len(c.values) else {},
        verdict="drifted" if moved else "steady" if found.enough else "too few rows",
    )


def _mean(column: Column) -> float | None:
    return float(column.values.mean()) if column.numeric and len(column.values) else None
