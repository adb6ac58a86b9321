"""The feature store from a program, over HTTP: the same names and shapes as in process.

    with FeatureStoreClient("http://127.0.0.1:8081", api_key) as store:
        answer = store.get_online_features("fraud_v1", [{"card_id": "c1"}], tenant="br")
        answer.values["card_velocity__tx_count_1h"], answer.statuses, answer.to_pandas()

Errors are those of `foundation.errors`, as the server raised them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import httpx
import pyarrow as pa

from foundation.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    VigiaError,
)
from platform_core.features.entity_columns import EntityColumns, EntityRows
from platform_core.features.frames import to_arrow
from platform_core.features.keys import KEY_HINT, key_problem
from platform_core.features.online_response import OnlineResponse
from platform_core.features.references import named

if TYPE_CHECKING:
    from platform_core.features.frames import Tabular

ARROW = "application/vnd.apache.arrow.stream"
_ERRORS: dict[str, type[VigiaError]] = {
    error.code: error for error in (InvalidInput, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Unavailable)
}


class FeatureStoreClient:
    """Talks to `vigia platform serve` at `base_url`. Threads may share it; close it at the end."""

    def __init__(self, base_url: str, api_key: str, *, timeout_s: float = 10.0) -> None:
        self._http = httpx.Client(
            base_url=base_url, timeout=timeout_s, headers={"Authorization": f"Bearer {api_key}", "Accept": ARROW}
        )
        self._base_url = base_url

    def __enter__(self) -> FeatureStoreClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get_online_features(
        self, features: str | Sequence[str], entity_rows: EntityRows, *, tenant: str, full_feature_names: bool = True
    ) -> OnlineResponse:
        """As `OnlineRetriever.get_online_features`, whose errors it raises; Unavailable also when nobody answers."""
        asked: dict[str, Any] = {
            "features": named(features),
            "tenant": tenant,
            "full_feature_names": full_feature_names,
        }
        path = "/v1/features/online"
        if isinstance(entity_rows, pa.Table):
            return OnlineResponse.from_arrow(self._table(path, params=asked, **_arrow(entity_rows)))
        return OnlineResponse.from_arrow(self._table(path, **_json(asked, entity_rows)))

    def get_historical_features(
        self,
        features: str | Sequence[str],
        entity_rows: Tabular,
        *,
        tenant: str,
        as_of: Literal["event", "created"] = "event",
        full_feature_names: bool = True,
        statuses: bool = False,
    ) -> pa.Table:
        """As `platform_core.features.historical.get_historical_features`, for up to 5,000 rows (an Arrow
        table, a pandas or Polars frame, or dicts): with a column per feature, as it was at their `event_timestamp`."""
        asked: dict[str, Any] = {
            "features": named(features),
            "tenant": tenant,
            "as_of": as_of,
            "full_feature_names": full_feature_names,
            "statuses": statuses,
        }
        return self._table("/v1/features/historical", params=asked, **_arrow(to_arrow(entity_rows)))

    def _table(self, path: str, **request: Any) -> pa.Table:
        try:
            answer = self._http.post(path, **request)
        except httpx.TransportError as error:
            raise Unavailable(f"{self._base_url} did not answer: {error}", hint="is the server up?") from error
        if answer.status_code != 200:
            raise _error(answer)
        with pa.ipc.open_stream(answer.content) as reader:
            return reader.read_all()


def _arrow(rows: pa.Table) -> dict[str, Any]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return {"content": sink.getvalue().to_pybytes(), "headers": {"Content-Type": ARROW}}


def _json(asked: dict[str, Any], rows: EntityRows) -> dict[str, Any]:
    """Raises InvalidInput, naming row and column, for what JSON cannot say."""
    try:
        body = json.dumps({**asked, "entity_rows": rows}, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        columns = EntityColumns(rows)
        for name in columns.names():
            for row, value in enumerate(columns.column(name, "every row"), start=1):
                if (problem := key_problem(value)) is not None:
                    raise InvalidInput(f"row {row}, {name!r} is {problem}", hint=KEY_HINT) from error
        raise InvalidInput(f"the question has no form in JSON: {error}", hint="give texts and numbers") from error
    return {"content": body, "headers": {"Content-Type": "application/json"}}


def _error(answer: httpx.Response) -> VigiaError:
    try:
        said = answer.json()["error"]
        return _ERRORS.get(said["code"], VigiaError)(said["message"], hint=said.get("hint"))
    except (ValueError, KeyError, TypeError):
        return Unavailable(f"{answer.url} answered {answer.status_code} without an error of ours")
