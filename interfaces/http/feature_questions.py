"""What is asked about features over HTTP: JSON or an Arrow stream, as the stores' readers take it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar, cast
from urllib.parse import parse_qs

import orjson
import pyarrow as pa
from pydantic import ValidationError

from foundation.errors import InvalidInput
from foundation.frozen import Frozen
from interfaces.http.arrow_rows import entity_table
from platform_core.access.principals import Principal
from platform_core.features.entity_columns import EntityColumns, EntityRows
from platform_core.features.frames import column_of
from platform_core.features.point_in_time.entity_rows import EVENT_TIMESTAMP

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"


class Call(NamedTuple):
    """A request whose sender is known. `headers` by their names in lower case."""

    headers: Mapping[bytes, bytes]
    query: bytes
    principal: Principal
    body: bytes

    @property
    def wants_arrow(self) -> bool:
        return ARROW.encode() in self.headers.get(b"accept", b"")

    @property
    def content_type(self) -> str:
        return self.headers.get(b"content-type", JSON.encode()).partition(b";")[0].strip().lower().decode("latin-1")


class OnlineRequest(Frozen):
    """`features`: a service, or `view:feature` references. `entity_rows`: a list of rows, or columns by join key."""

    features: str | list[str]
    tenant: str
    entity_rows: list[dict[str, Any]] | dict[str, list[Any]]
    full_feature_names: bool = True


Asked = TypeVar("Asked", bound=OnlineRequest)


class HistoricalRequest(OnlineRequest):
    """`entity_rows` have the column `event_timestamp` too: times with a zone, ISO 8601 in JSON."""

    as_of: Literal["event", "created"] = "event"
    statuses: bool = False


class OnlineQuestion(NamedTuple):
    features: str | list[str]
    rows: EntityRows
    tenant: str
    full_feature_names: bool


def online_question(call: Call) -> OnlineQuestion:
    """Raises InvalidInput, saying what is wrong."""
    if (plain := _plain_question(call)) is not None:
        return plain
    asked, rows = question(OnlineRequest, call)
    return OnlineQuestion(asked.features, rows, asked.tenant, asked.full_feature_names)


def question(kind: type[Asked], call: Call) -> tuple[Asked, EntityRows]:
    """What is asked, and the entity rows. Raises InvalidInput, saying what is wrong with either."""
    sent = call.content_type
    try:
        if sent == JSON:
            asked = kind.model_validate_json(call.body)
            return asked, asked.entity_rows
        if sent == ARROW:
            query = parse_qs(call.query.decode("latin-1"), keep_blank_values=True)
            fields: dict[str, Any] = {name: values[-1] for name, values in query.items()}
            if (named := query.get("features")) and len(named) > 1:
                fields["features"] = named
            return kind.model_validate({**fields, "entity_rows": []}), entity_table(call.body)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_url=False)]
        hint = f"it has {', '.join(kind.model_fields)}"
        raise InvalidInput("; ".join(problems[:5]), hint=hint) from error
    raise InvalidInput(f"the request's content type is {sent!r}", hint=f"send {JSON} or {ARROW}")


_FIELDS = frozenset(OnlineRequest.model_fields)
_NEEDED = frozenset({"features", "tenant", "entity_rows"})
_KEYS = frozenset({str, int})


def _plain_question(call: Call) -> OnlineQuestion | None:
    """The usual question, columns of keys in JSON, without a model being made of it. None for any other: `question`
    says what is wrong with it, if something is."""
    try:
        asked: object = orjson.loads(call.body) if call.content_type == JSON else None
    except orjson.JSONDecodeError:
        return None
    fields = cast(dict[str, Any], asked) if type(asked) is dict else {}
    if not _NEEDED <= fields.keys() <= _FIELDS:
        return None
    features, tenant, rows = fields["features"], fields["tenant"], fields["entity_rows"]
    full = fields.get("full_feature_names", True)
    known = type(features) is str or (type(features) is list and set(map(type, cast(list[object], features))) == {str})
    if not known or type(tenant) is not str or type(full) is not bool or type(rows) is not dict:
        return None
    columns = cast(dict[str, Any], rows).values()
    # A number beyond 64 bits would be a float here.
    if not all(type(c) is list and _KEYS.issuperset(map(type, cast(list[object], c))) for c in columns):
        return None
    return OnlineQuestion(features, cast(EntityRows, rows), tenant, full)


def moments_table(rows: EntityRows) -> pa.Table:
    """JSON's entity rows with their moments as a table. Raises InvalidInput, naming row and column."""
    columns = EntityColumns(rows)
    given = columns.column(EVENT_TIMESTAMP, "every row")
    moments: list[datetime] = []
    for number, text in enumerate(given, start=1):
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError as error:
            hint = "give times as 2026-11-19T08:30:00Z"
            raise InvalidInput(f"row {number}, {EVENT_TIMESTAMP!r} is {text!r:.80}, no time", hint=hint) from error
        if moment.tzinfo is None:
            raise InvalidInput(f"row {number}, {EVENT_TIMESTAMP!r} is {text!r}", hint="give times with a zone, e.g. …Z")
        moments.append(moment)
    table: dict[str, Any] = {EVENT_TIMESTAMP: pa.array(moments, pa.timestamp("us", "UTC"))}
    for name in columns.names():
        if name != EVENT_TIMESTAMP:
            table[name] = column_of(list(columns.column(name, "every row")), name, "entity rows")
    return pa.table(table)
