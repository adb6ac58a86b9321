"""Whether a model still fits the catalog: the same columns, of the same types, meaning what they meant in training.

Which tables a tenant's events lie in does not count: a model stays right when a country is added or a table is moved.
"""

from __future__ import annotations

from collections.abc import Iterator

from foundation.errors import Conflict, InvalidInput
from platform_core.catalog.contract import definition
from platform_core.catalog.specs import Catalog, FeatureService
from platform_core.training.types import ModelSignature, NumericDtype, SignatureFeature

_NUMERIC: tuple[NumericDtype, ...] = ("float64", "int64", "bool")


def signature_features(catalog: Catalog, service: FeatureService) -> tuple[SignatureFeature, ...]:
    """The model's columns as the catalog defines them now: features of the store, then request fields.

    Raises InvalidInput for a feature that is no number, or that the catalog does not have.
    """
    stored = [_stored(catalog, reference) for reference in service.features]
    asked = [
        SignatureFeature(name=field.name, origin="request", dtype=_numeric(field.dtype, field.name))
        for field in service.request_fields
    ]
    return (*stored, *asked)


def require_fit(signature: ModelSignature, catalog: Catalog, *, what: str) -> None:
    """Raises Conflict when the catalog's feature service no longer gives `what` the columns that it was trained on."""
    problems = list(misfits(signature, catalog))
    if problems:
        raise Conflict(
            f"{what} does not fit the catalog: {'; '.join(problems)}",
            hint="serve the version that was trained on this catalog, or train again",
        )


def misfits(signature: ModelSignature, catalog: Catalog) -> Iterator[str]:
    """One line for each column that is gone, of another type or of another meaning; new features do not matter."""
    service = next((s for s in catalog.feature_services if s.name == signature.feature_service), None)
    if service is None:
        yield f"there is no feature service {signature.feature_service!r}"
        return
    fields = {field.name: field.dtype for field in service.request_fields}
    references = {reference.replace(":", "__"): reference for reference in service.features}
    for feature in signature.features:
        if feature.origin == "request":
            yield from _types(feature, fields.get(feature.name))
        elif feature.name not in references:
            yield f"{service.name} has no feature {feature.name!r}"
        else:
            now = _definition(catalog, references[feature.name])
            yield from _types(feature, now.get("dtype"))
            yield from _changes(feature, now)


def _types(feature: SignatureFeature, dtype: str | None) -> Iterator[str]:
    if dtype is None:
        yield f"the catalog has no {feature.name!r}"
    elif dtype != feature.dtype:
        yield f"{feature.name} is {dtype}, was {feature.dtype}"


def _changes(feature: SignatureFeature, now: dict[str, str]) -> Iterator[str]:
    for aspect, value in feature.definition.items():
        if aspect != "dtype" and now and now.get(aspect) != value:
            yield f"{feature.name}: {aspect} {value} -> {now.get(aspect, 'none')}"


def _stored(catalog: Catalog, reference: str) -> SignatureFeature:
    defined = _definition(catalog, reference)
    if not defined:
        raise InvalidInput(f"the catalog has no feature {reference!r}")
    name = reference.replace(":", "__")
    return SignatureFeature(name=name, origin="store", dtype=_numeric(defined["dtype"], name), definition=defined)


def _definition(catalog: Catalog, reference: str) -> dict[str, str]:
    view, _, feature = reference.partition(":")
    return definition(catalog, view, feature) or {}


def _numeric(dtype: str, name: str) -> NumericDtype:
    for known in _NUMERIC:
        if known == dtype:
            return known
    raise InvalidInput(f"{name} is {dtype}, a model reads numbers", hint=f"one of {', '.join(_NUMERIC)}")
