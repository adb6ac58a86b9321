"""What a reader asks for: a feature service by name, or features by reference, `view:feature`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog


@dataclass(frozen=True, slots=True)
class Reference:
    view: str
    feature: str

    @property
    def full_name(self) -> str:
        """The column's name in every result, online, offline and in a model's signature."""
        return f"{self.view}__{self.feature}"

    def __str__(self) -> str:
        return f"{self.view}:{self.feature}"


def named(features: str | Sequence[str]) -> str | tuple[str, ...]:
    """`features`, which are not looked up yet. Raises InvalidInput for what is no text and no list of texts."""
    if isinstance(features, str):
        return features
    if isinstance(features, Sequence) and all(isinstance(feature, str) for feature in features):  # pyright: ignore[reportUnnecessaryIsInstance]
        return tuple(features)
    hint = "name a feature service, or give a list of view:feature"
    raise InvalidInput(f"{features!r:.200} names no features", hint=hint)


def references(catalog: Catalog, service_or_features: str | Sequence[str]) -> tuple[Reference, ...]:
    """The features asked for, each once, in order. A text without a colon is a feature service.

    Raises NotFound for a service, view or feature that the catalog does not have, InvalidInput for what names none.
    """
    service_or_features = named(service_or_features)
    if isinstance(service_or_features, str):
        if "," in service_or_features:
            raise InvalidInput(
                f"{service_or_features!r} is one text", hint='give a list: ["view:feature", "view:feature"]'
            )
        if ":" not in service_or_features:
            service_or_features = catalog.feature_service(service_or_features).features
        else:
            service_or_features = (service_or_features,)
    if not service_or_features:
        raise InvalidInput("no features were asked for", hint="name a feature service, or features as view:feature")
    return tuple(dict.fromkeys(_reference(catalog, text) for text in service_or_features))


def _reference(catalog: Catalog, text: str) -> Reference:
    view, colon, feature = text.partition(":")
    if not colon:
        raise InvalidInput(f"{text!r} is not a feature", hint="write view:feature")
    names = [f.name for f in catalog.feature_view(view).fields]
    if feature not in names:
        near = get_close_matches(feature, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names)}"
        raise NotFound(f"feature view {view!r} has no feature {feature!r}", hint=hint)
    return Reference(view, feature)
