"""The nightly screen: every feature of every view, today's rows against a baseline, in one columnar pass per view.

PSI and Jensen-Shannon are Evidently's (`shares`); what counts as drifted is decided by effect and significance over all
features together (`judgement`). What it flags gets Evidently's full report (`report`). A column that cannot be judged
(`screen_columns`) says why, and keeps no other from being judged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute
from pydantic import Field

from foundation.errors import InvalidInput, NotFound, VigiaError
from foundation.frozen import Frozen
from platform_core.catalog.specs import Catalog, Feature, FeatureView
from platform_core.features.feature_rows import offline_table
from platform_core.features.offline.port import OfflineStore
from platform_core.monitoring.judgement import EFFECT, FDR, drifted
from platform_core.monitoring.screen_columns import (
    OF_A_COLUMN,
    Compared,
    FeatureDrift,
    compared,
    figures,
    unjudged,
)

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

WEEKS = 4
SEGMENTS = 50
"""Of a segment's values the most frequent so many are judged."""

OF_A_READ = (VigiaError, *OF_A_COLUMN)


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

    @property
    def unjudged(self) -> tuple[FeatureDrift, ...]:
        return tuple(f for f in self.features if f.verdict == "not judged")


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
    compared there, where that is not as in `settings`. A view that cannot be read is named in `unread`, a column that
    cannot be judged says why; the others go on. Raises NotFound for a view that is not in the catalog."""
    settings, of_views = settings or ScreenSettings(), of_views or {}
    began = time.perf_counter()
    pairs = only if only is not None else [(v.name, t) for v in catalog.feature_views for t in catalog.tenants(v.name)]
    found: list[Compared | FeatureDrift] = []
    unread: dict[str, str] = {}
    for name, tenant in pairs:
        view, its = catalog.feature_view(name), of_views.get(name, settings)
        try:
            found += _of_view(offline, view, tenant, now, its)
        except OF_A_READ as error:
            unread[f"{name} {tenant}"] = str(error)
    can_be = [one for one in found if isinstance(one, Compared)]
    moved = iter(drifted([one.evidence for one in can_be], effect=settings.effect, fdr=settings.fdr))
    features = tuple(figures(one, next(moved)) if isinstance(one, Compared) else one for one in found)
    return Screen(
        current_from=now - settings.current,
        current_to=now,
        baseline=settings.baseline,
        features=features,
        unread=unread,
        seconds=round(time.perf_counter() - began, 4),
    )


def _of_view(
    offline: OfflineStore, view: FeatureView, tenant: str, now: datetime, settings: ScreenSettings
) -> list[Compared | FeatureDrift]:
    try:
        reference, current = samples(offline, view, tenant, now, settings)
    except (NotFound, InvalidInput):
        raise
    except OF_A_READ:
        return list(_one_by_one(offline, view, tenant, now, settings))
    return list(_compared(view, tenant, view.fields, reference, current, settings.segment))


def samples(
    offline: OfflineStore,
    view: FeatureView,
    tenant: str,
    now: datetime,
    settings: ScreenSettings,
    *,
    features: Sequence[Feature] | None = None,
) -> tuple[pa.Table, pa.Table]:
    """The baseline's and the current rows of (view, tenant), with all features or these. Raises NotFound when nothing
    was ever materialized."""
    table = offline_table(view.name)
    known = offline.schema(table).names
    wanted = view.fields if features is None else features
    columns = ["tenant", "event_ts", *(f.name for f in wanted if f.name in known)]
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


def _compared(  # noqa: PLR0917  # two samples of what
    view: FeatureView,
    tenant: str,
    features: Sequence[Feature],
    reference: pa.Table,
    current: pa.Table,
    segment: str | None,
) -> Iterator[Compared | FeatureDrift]:
    for value, past, present in segments(reference, current, segment):
        for feature in features:
            about = FeatureDrift(view=view.name, tenant=tenant, feature=feature.name, segment=value)
            yield compared(about, feature, past, present)


def _one_by_one(
    offline: OfflineStore, view: FeatureView, tenant: str, now: datetime, settings: ScreenSettings
) -> Iterator[Compared | FeatureDrift]:
    """Where the columns cannot be read together: each by itself. Raises what reading none of them does."""
    samples(offline, view, tenant, now, settings, features=())
    for feature in view.fields:
        try:
            reference, current = samples(offline, view, tenant, now, settings, features=(feature,))
        except OF_A_READ as error:
            yield unjudged(FeatureDrift(view=view.name, tenant=tenant, feature=feature.name), error)
        else:
            yield from _compared(view, tenant, (feature,), reference, current, settings.segment)


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
