"""One feature of the screen: whether it can be judged at all, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from foundation.errors import InvalidInput, VigiaError
from foundation.frozen import Frozen
from platform_core.catalog.specs import Feature
from platform_core.features.values import ARROW_TYPES
from platform_core.monitoring.distances import distances
from platform_core.monitoring.judgement import MINIMUM_ROWS, Evidence, evidence
from platform_core.monitoring.shares import Column, column_of, different, histograms, jensen_shannon_of, psi_of

CATEGORIES = 1000
"""A text with more different values is an identifier, not a category."""

OF_A_COLUMN = (pa.ArrowException, TypeError, ValueError, ArithmeticError)
"""What computing with one column's values raises, which must not keep the others from being judged."""

Verdict = Literal["steady", "drifted", "not judged"]


class FeatureDrift(Frozen):
    """One feature (of one segment) and how it compares. What is not judged has a reason, and no figures; means are None
    for text."""

    view: str
    tenant: str
    feature: str
    segment: str | None = None
    verdict: Verdict = "not judged"
    reason: str | None = None
    """Why it is not judged."""

    reference_rows: int | None = None
    """None where the column could not be read."""

    current_rows: int | None = None
    psi: float | None = None
    jensen_shannon: float | None = None
    effect: float | None = None
    p_value: float | None = None
    reference_mean: float | None = None
    current_mean: float | None = None
    distances: dict[str, float] = Field(default_factory=dict[str, float])
    """Of what drifted: Wasserstein and KS of numbers, chi-square of categories (`distances`)."""

    @property
    def name(self) -> str:
        return self.feature + (f" [{self.segment}]" if self.segment else "")


@dataclass(frozen=True, slots=True)
class Compared:
    """A column that can be judged."""

    about: FeatureDrift
    reference: Column
    current: Column
    evidence: Evidence


def compared(about: FeatureDrift, feature: Feature, past: pa.Table, present: pa.Table) -> Compared | FeatureDrift:
    """The feature's evidence, or `about` with why it cannot be judged."""
    about = about.model_copy(update={"reference_rows": len(past), "current_rows": len(present)})
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # sums of the largest doubles
            reference, current = _columns(feature, past, present)
            return Compared(about, reference, current, evidence(reference, current))
    except (InvalidInput, *OF_A_COLUMN) as error:
        return unjudged(about, error)


def unjudged(about: FeatureDrift, error: Exception) -> FeatureDrift:
    said = str(error) if isinstance(error, VigiaError) else f"{type(error).__name__}: {error}"
    return about.model_copy(update={"reason": said.partition("\n")[0][:300]})


def figures(found: Compared, moved: bool) -> FeatureDrift:
    """With `moved`, the verdict over all columns together."""
    r, c = found.reference, found.current
    try:
        said: dict[str, object] = {"reference_mean": _mean(r), "current_mean": _mean(c)}
        if len(r.values) and len(c.values):
            counts = histograms(r, c)
            said |= {"psi": psi_of(*counts), "jensen_shannon": jensen_shannon_of(*counts)}
            said |= {"distances": dict(distances(r, c))} if moved else {}
    except OF_A_COLUMN as error:
        return unjudged(found.about, error)
    said |= {"effect": found.evidence.effect, "p_value": found.evidence.p_value}
    return found.about.model_copy(update={**said, "verdict": "drifted" if moved else "steady"})


def _columns(feature: Feature, past: pa.Table, present: pa.Table) -> tuple[Column, Column]:
    """Raises InvalidInput, saying why they cannot be judged, or what Arrow and NumPy raise."""
    if feature.name not in past.column_names:
        raise InvalidInput("the offline history has no such column", hint="it has, once it is materialized anew")
    stored, declared = past.schema.field(feature.name).type, ARROW_TYPES[feature.dtype]
    if feature.dtype == "timestamp":
        raise InvalidInput("a timestamp has no distribution that could be compared")
    if _kind(stored) != _kind(declared) and not pa.types.is_null(stored):
        raise InvalidInput(f"it is {stored} in the offline history, declared {feature.dtype}")
    if min(len(past), len(present)) < MINIMUM_ROWS:
        raise InvalidInput(f"{len(present):,} rows against {len(past):,}: {MINIMUM_ROWS} of each are needed")
    reference, current = column_of(past[feature.name]), column_of(present[feature.name])
    if not len(reference.values) and not len(current.values):
        raise InvalidInput("both samples hold nothing but nulls")
    for column in (reference, current):
        if column.numeric and len(column.values) and not np.isfinite(column.values.max() - column.values.min()):
            raise InvalidInput("its numbers lie further apart than a double can say")
        if not column.numeric and (count := different(column.values)) > CATEGORIES:
            raise InvalidInput(f"{count:,} different values in {len(column.values):,} rows: over {CATEGORIES:,}")
    return reference, current


def _kind(dtype: pa.DataType) -> str:
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        return "number"
    return "text" if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) else str(dtype)


def _mean(column: Column) -> float | None:
    return float(column.values.mean()) if column.numeric and len(column.values) else None
