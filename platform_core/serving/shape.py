"""What a request of one endpoint must bring, worked out once from the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog
from platform_core.features.keys import entity_key
from platform_core.serving.ports import Keys
from platform_core.training.types import ModelSignature

_NUMBERS, _FLOATS = frozenset({float, int}), {float}


def _finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    """The values of `names`, in their order, by one call."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


class RequestShape:
    """`columns`: the features, then the request-time inputs: what a row of numbers holds before a model picks from it.
    Raises NotFound for a service that the catalog does not have."""

    def __init__(self, catalog: Catalog, service_name: str) -> None:
        service = catalog.feature_service(service_name)
        views = [
            catalog.feature_view(name) for name in dict.fromkeys(text.split(":", 1)[0] for text in service.features)
        ]
        self._views = tuple((view.entity, catalog.entity(view.entity).join_keys) for view in views)
        self._names = tuple(view.entity for view in views)
        self.entities: tuple[str, ...] = tuple(dict.fromkeys(self._names))
        self.join_keys: tuple[str, ...] = tuple(dict.fromkeys(part for _, parts in self._views for part in parts))
        self.inputs: tuple[str, ...] = tuple(field.name for field in service.request_fields)
        self.features: tuple[str, ...] = tuple(text.replace(":", "__", 1) for text in dict.fromkeys(service.features))
        self.columns = self.features + self.inputs
        self.amount_at = self.inputs.index("amount") if "amount" in self.inputs else None
        """Where the amount stands among the inputs: the log keeps it."""

        self._known = frozenset(self.inputs)
        self._picked = _picker(self.inputs)

    def keys(self, entities: Any) -> Keys | None:
        """The entity key for each view; None for what is not simply a text per entity, and nothing else."""
        try:
            found = [entities[name] for name in self._names]
        except (KeyError, TypeError):
            return None
        if type(entities) is not dict or len(entities) != len(self.entities):
            return None
        for key in found:
            if type(key) is not str or not key:
                return None
        return tuple(found)  # type: ignore[arg-type]  # all are texts

    def numbers(self, inputs: Any) -> tuple[float, ...] | None:
        """The inputs in order, as the float64 that they are scored and logged as; None for what are not exactly these,
        each a finite number."""
        try:
            given = self._picked(inputs)
        except (KeyError, TypeError):
            return None
        kinds = set(map(type, given))
        if type(inputs) is not dict or len(inputs) != len(given) or not kinds <= _NUMBERS:
            return None
        try:
            values = given if kinds == _FLOATS else tuple(map(float, given))
        except OverflowError:  # a whole number beyond them
            return None
        return values if isfinite(sum(values)) else None

    def checked_keys(self, entities: Mapping[str, str | None], where: str = "") -> Keys:
        """As `keys`, of texts; an entity may be given by its join keys. Raises InvalidInput naming what lacks, is not
        read, or is given twice and not as the same."""
        found: list[str] = []
        read = set(self.entities)
        for name, join_keys in self._views:
            key = entities.get(name)
            if all(entities.get(part) for part in join_keys):
                joined = entity_key([entities[part] for part in join_keys])
                if key is not None and key != joined:
                    parts = ", ".join(f"{where}entities.{part}" for part in join_keys)
                    raise InvalidInput(f"{where}entities.{name} is not what {parts} says", hint="send one of them")
                key = joined
                read.update(join_keys)
            if not key:
                raise self._lacks([f"{where}entities.{n}" for n in self.entities if not entities.get(n)])
            found.append(key)
        # A join key is not read where it is empty, or one of several beside the entity that they make.
        if unknown := sorted(name for name, key in entities.items() if name not in read and key is not None):
            raise self._unread(f"{where}entities.{unknown[0]}", self.entities)
        return tuple(found)

    def checked_numbers(self, inputs: Mapping[str, float], where: str = "") -> tuple[float, ...]:
        """Raises InvalidInput naming the input that lacks, is no finite number, or is not read."""
        missing = sorted(f"{where}inputs.{name}" for name in self._known - inputs.keys())
        if missing:
            raise self._lacks(missing)
        for name, value in inputs.items():
            if not _finite(value):
                raise InvalidInput(f"{where}inputs.{name} is {value!r}"[:200], hint="send a finite number")
        if unknown := sorted(inputs.keys() - self._known):
            raise self._unread(f"{where}inputs.{unknown[0]}", sorted(self._known))
        return tuple(float(inputs[name]) for name in self.inputs)

    def order(self, signature: ModelSignature) -> tuple[int, ...] | None:
        """Where each column of the model stands in `columns`; None when they are the same, in the same order.

        Raises InvalidInput for a column that the service does not have.
        """
        places = {name: place for place, name in enumerate(self.columns)}
        try:
            order = tuple(places[feature.name] for feature in signature.features)
        except KeyError as error:
            raise InvalidInput(
                f"the model reads {error.args[0]!r}, which {signature.feature_service!r} does not have",
                hint="register a model that was trained on the service as it is",
            ) from None
        return None if order == tuple(range(len(self.columns))) else order

    def _unread(self, field: str, known: Sequence[str]) -> InvalidInput:
        hint = f"it reads {', '.join(known) or 'none'}"
        return InvalidInput(f"this endpoint does not read {field[:200]}", hint=hint)

    def _lacks(self, missing: Sequence[str]) -> InvalidInput:
        reads = f"reads entities {', '.join(self.entities)}; inputs {', '.join(sorted(self._known))}"
        return InvalidInput(f"the request lacks {', '.join(missing)}", hint=reads)
