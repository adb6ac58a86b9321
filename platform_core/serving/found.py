"""The features of one row as they will be scored, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from platform_core.features.online.batch import ValueStatus
from platform_core.features.values import FeatureValue
from platform_core.operations.serving_policy import FallbackKind

_NONE: tuple[str, ...] = ()


class RowFeatures(NamedTuple):
    """`values` in the order of the endpoint's features; None is null. The others name features."""

    values: Sequence[FeatureValue]
    missing: Sequence[str] = _NONE
    expired: Sequence[str] = _NONE
    defaulted: Sequence[str] = _NONE
    fallback: FallbackKind | None = None
    score: float | None = None
    """What the endpoint's rules say, when it is they that answer."""


def row_features(
    values: Sequence[FeatureValue],
    statuses: Sequence[ValueStatus],
    names: Sequence[str],
    defaults: Mapping[str, float],
) -> RowFeatures:
    """Of a row that was read, with the endpoint's defaults where a value is missing or expired."""
    if "missing" not in statuses and "expired" not in statuses:
        return RowFeatures(values)
    missing = [name for name, status in zip(names, statuses, strict=True) if status == "missing"]
    expired = [name for name, status in zip(names, statuses, strict=True) if status == "expired"]
    defaulted = [name for name in names if name in defaults and (name in missing or name in expired)]
    if defaulted:
        values = [defaults[name] if name in defaulted else value for name, value in zip(names, values, strict=True)]
    return RowFeatures(values, missing, expired, defaulted)


def default_row(names: Sequence[str], defaults: Mapping[str, float]) -> RowFeatures:
    """Of a row that was not read at all."""
    return RowFeatures(
        values=[defaults.get(name) for name in names],
        missing=names,
        defaulted=[name for name in names if name in defaults],
        fallback="default_features",
    )
