"""The answer to a request for online features: the same names and shapes in process, over HTTP and in files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from foundation.errors import InvalidInput, Unavailable
from platform_core.catalog.specs import Dtype
from platform_core.features.keys import entity_key
from platform_core.features.online.batch import ValueStatus
from platform_core.features.values import ARROW_TYPES, FeatureValue

_ABOUT = b"vigia"
_EVENT_TS = "__event_ts"

EventTimes = Mapping[str, Sequence[datetime | None]]


class ReadTimes(Protocol):
    """The event times of what was read, by view."""

    def __call__(self) -> EventTimes: ...

    def for_json(self) -> Mapping[str, Any]:
        """The same as orjson writes them, also as arrays of times in UTC."""
        return self()


@dataclass(slots=True)  # not frozen: that would take longer to make than a row to read
class OnlineResponse:
    """Columns of equal length, one value per entity row in the order of the request.

    `entities` holds the join keys as they were given; `values` and `statuses` the features by name, in the order asked
    for; a value is None wherever its status is not `present`.
    """

    tenant: str
    entities: Mapping[str, Sequence[object]]
    dtypes: Mapping[str, Dtype]
    values: Mapping[str, list[FeatureValue]]
    statuses: Mapping[str, list[ValueStatus]]
    times: ReadTimes = field(repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.values)

    @property
    def rows(self) -> int:
        return len(next(iter(self.values.values())))

    @property
    def event_times(self) -> EventTimes:
        """By view: the event time of the row that was found, also of an expired one; None where there is none."""
        return self.times()

    def to_dict(self) -> dict[str, list[FeatureValue]]:
        """The values alone, by feature."""
        return dict(self.values)

    def to_rows(self) -> list[dict[str, Any]]:
        """Per entity row its join keys and values."""
        columns = {**self.entities, **self.values}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_arrow(self, *, statuses: bool = False, event_times: bool = False) -> pa.Table:
        """Join keys, then a column per feature; on request `<feature>__status` (string) after each, and at the end
        `<view>__event_ts` (timestamp us UTC) per view."""
        columns: dict[str, Any] = {name: _keys(column) for name, column in self.entities.items()}
        for name, column in self.values.items():
            columns[name] = self._array(name, column)
            if statuses:
                columns[f"{name}__status"] = pa.array(list(self.statuses[name]), pa.string())
        if event_times:
            for view, times in self.event_times.items():
                columns[f"{view}{_EVENT_TS}"] = pa.array(list(times), ARROW_TYPES["timestamp"])
        about = {"tenant": self.tenant, "entities": list(self.entities), "dtypes": dict(self.dtypes)}
        return pa.table(columns).replace_schema_metadata({_ABOUT: json.dumps(about)})

    @classmethod
    def from_arrow(cls, table: pa.Table) -> OnlineResponse:
        """What `to_arrow` made with statuses and event times. Raises InvalidInput for another table."""
        try:
            about = json.loads((table.schema.metadata or {})[_ABOUT])
            return cls(
                tenant=about["tenant"],
                entities={name: table[name].to_pylist() for name in about["entities"]},
                dtypes=about["dtypes"],
                values={name: table[name].to_pylist() for name in about["dtypes"]},
                statuses={name: table[f"{name}__status"].to_pylist() for name in about["dtypes"]},
                times=_TableTimes(table, frozenset(about["dtypes"])),
            )
        except (KeyError, ValueError) as error:
            raise InvalidInput(f"this Arrow table is no answer to a request for features: {error}") from error

    def to_pandas(self) -> Any:
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        import polars

        return polars.from_arrow(self.to_arrow())

    def to_document(self) -> dict[str, Any]:
        """All of it as JSON values, but for times, which are datetimes."""
        return {
            "tenant": self.tenant,
            "entities": self.entities,
            "dtypes": self.dtypes,
            "values": self.values,
            "statuses": self.statuses,
            "event_times": self.event_times,
        }

    def to_json(self) -> bytes:
        """`to_document`, by orjson."""
        import orjson

        columns = list(self.statuses.values())
        # Where nothing is to be said of any value, all features of a view share one list of statuses: written once.
        written = {id(column): orjson.Fragment(orjson.dumps(column)) for column in {id(c): c for c in columns}.values()}
        document = {
            "tenant": self.tenant,
            "entities": self.entities,
            "dtypes": self.dtypes,
            "values": self.values,
            "statuses": {name: written[id(column)] for name, column in self.statuses.items()},
            "event_times": self.times.for_json(),
        }
        how = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_SERIALIZE_NUMPY
        return orjson.dumps(document, option=how)

    def _array(self, name: str, column: Sequence[FeatureValue]) -> pa.Array:
        try:
            return pa.array(list(column), ARROW_TYPES[self.dtypes[name]])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            message = f"online values of {name!r} are not {self.dtypes[name]}, as the catalog has it: {error}"
            raise Unavailable(message, hint="materialize the view again") from error


class _TableTimes(ReadTimes):
    def __init__(self, table: pa.Table, features: frozenset[str]) -> None:
        self._table = table
        self._features = features

    def __call__(self) -> EventTimes:
        names = [n for n in self._table.column_names if n.endswith(_EVENT_TS) and n not in self._features]
        return {name.removesuffix(_EVENT_TS): self._table[name].to_pylist() for name in names}


def _keys(column: Sequence[object]) -> pa.Array:
    """As they were given; as text where whole numbers stand beside text: 7 and "7" are the same key."""
    try:
        return pa.array(list(column))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([entity_key([value]) for value in column], pa.string())
