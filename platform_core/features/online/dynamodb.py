"""The online store on DynamoDB: one item per (tenant, view, key), read by BatchGetItem.

    row (S, partition key)   `<scope>:<key>`, a scope as in `redis`; `layout:<id>` for a layout's document;
                             `environment`, which no scope has, for whose table it is (in `value`, S)
    blob (B)                 a packed row (`layout`), or the document
    event_us, created_us (N) the row's times, for the condition under which a put wins
    written (N)              nanoseconds of the writer's wall clock, for samples
    part (S)                 `<scope>:<0…7>`: partitions of the two indexes, so that no view is one hot partition

Indexes `by_event` (part, event_us) and `by_written` (part, written), keys only: freshness and samples ask the eight
parts. They lag the table by moments, as DynamoDB's indexes do. Newest-wins is the put's own condition, so that two
writers cannot cross.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock
from typing import Any, TypeVar
from zlib import crc32

from foundation.clock import Clock
from foundation.errors import InvalidInput, Unavailable
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.online.dynamodb_table import table_request
from platform_core.features.online.layout import Layout, PackedRow, PackedRows
from platform_core.features.online.packed_store import PackedStore
from platform_core.features.online.scope import scope_name
from platform_core.features.values import moment

PARTS = 8
_MOST_KEYS = 100
"""BatchGetItem takes no more."""
_ATTEMPTS = 6
_CONDITION = (
    "attribute_not_exists(#row) OR event_us < :event OR (event_us = :event AND created_us < :created) "
    "OR event_us > :horizon"
)
_THREADS = 16

T = TypeVar("T")
A = TypeVar("A")


class DynamoOnlineStore(PackedStore):
    """Implements `OnlineStore` on `table`, through a boto3 client of DynamoDB (see `connect`).

    More than 100 keys are several calls, made at once. A put is a call of its own, sixteen at once: DynamoDB has no
    conditional batch.
    """

    def __init__(
        self, client: Any, table: str, *, clock: Clock | None = None, max_ahead: timedelta = MAX_CLOCK_SKEW
    ) -> None:
        super().__init__(clock, max_ahead)
        self._client = client
        self._table = table
        self.address = f"{client.meta.endpoint_url}/{table}"
        self._kept: set[bytes] = set()
        self._written = 0
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="dynamodb")

    @classmethod
    def connect(
        cls,
        table: str,
        *,
        region: str | None = None,
        url: str | None = None,
        timeout_s: float = 1.0,
        clock: Clock | None = None,
        max_ahead: timedelta = MAX_CLOCK_SKEW,
    ) -> DynamoOnlineStore:
        """Credentials and, without `region`, the region are found as boto3 finds them. `url`: another endpoint."""
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError as error:
            raise InvalidInput("boto3 is not installed", hint="install the extra: vigia[dynamodb]") from error
        config = Config(
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=_THREADS * 2,
        )
        try:
            client = boto3.client("dynamodb", region_name=region, endpoint_url=url, config=config)
        except (BotoCoreError, ValueError) as error:
            raise InvalidInput(f"DynamoDB cannot be addressed: {error}", hint="name region or url") from error
        return cls(client, table, clock=clock, max_ahead=max_ahead)

    def create_table(self) -> None:
        """Makes the table, paid by request, unless there is one; waits until it can be used.

        It is looked for first: who only reads may not be allowed to make one.
        """
        with self._answering():
            try:
                found = self._client.describe_table(TableName=self._table)["Table"]["TableStatus"]
            except self._client.exceptions.ResourceNotFoundException:
                # Somebody else may make it at the same moment.
                with suppress(self._client.exceptions.ResourceInUseException):
                    self._client.create_table(**table_request(self._table))
            else:
                if found in ("ACTIVE", "UPDATING"):
                    return
            self._client.get_waiter("table_exists").wait(
                TableName=self._table, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )

    def claim(self, environment: str) -> str:
        """It is looked for first: who only reads may not be allowed to write one."""
        asked: dict[str, Any] = {"TableName": self._table, "Key": {"row": {"S": "environment"}}, "ConsistentRead": True}
        with self._answering():
            found = self._client.get_item(**asked)
            if "Item" not in found:
                with suppress(self._client.exceptions.ConditionalCheckFailedException):
                    self._client.put_item(
                        TableName=self._table,
                        Item={**asked["Key"], "value": {"S": environment}},
                        ConditionExpression="attribute_not_exists(#row)",
                        ExpressionAttributeNames={"#row": "row"},
                    )
                found = self._client.get_item(**asked)
        return str(found["Item"]["value"]["S"])

    def close(self) -> None:
        self._pool.shutdown()
        self._client.close()

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        found = self._newest(tenant, view, "by_event", "event_us", 1)
        return moment(found[0][0]) if found else None

    def _put(
        self,
        tenant: str,
        view: str,
        rows: PackedRows,
        layouts: Sequence[Layout],
        *,
        horizon_us: int,
        force: bool,
    ) -> int:
        scope = scope_name(tenant, view)
        for layout in layouts:
            self._keep(layout)
        first = self._next_written(len(rows.keys))

        def put(numbered: tuple[int, PackedRow]) -> bool:
            number, row = numbered
            times = {"event_us": {"N": str(row.event_us)}, "created_us": {"N": str(row.created_us)}}
            item = {
                "row": {"S": f"{scope}:{row.key}"},
                "part": {"S": _part(scope, row.key)},
                "blob": {"B": row.blob},
                "written": {"N": str(number)},
                **times,
            }
            if force:
                self._client.put_item(TableName=self._table, Item=item)
                return True
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression=_CONDITION,
                    ExpressionAttributeNames={"#row": "row"},
                    ExpressionAttributeValues={
                        ":event": times["event_us"],
                        ":created": times["created_us"],
                        ":horizon": {"N": str(horizon_us)},
                    },
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
            return True

        return sum(self._all(put, enumerate(map(PackedRow, *rows), start=first)))

    def _fetch(self, tenant: str, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[bytes | None]:
        names: list[str] = []
        for view, keys in wanted:
            scope = scope_name(tenant, view)
            names += [f"{scope}:{key}" for key in keys]
        distinct = iter(dict.fromkeys(names))  # DynamoDB refuses a key that is asked for twice
        chunks = list(iter(lambda: list(islice(distinct, _MOST_KEYS)), []))
        found: dict[str, bytes] = {}
        for part in self._all(self._get, chunks):
            found |= part
        return [found.get(name) for name in names]

    def _get(self, names: list[str]) -> dict[str, bytes]:
        """Asks again, after a wait, for the keys that DynamoDB left unprocessed."""
        left: dict[str, Any] = {
            self._table: {
                "Keys": [{"row": {"S": name}} for name in names],
                "ProjectionExpression": "#row, #blob",
                "ExpressionAttributeNames": {"#row": "row", "#blob": "blob"},
            }
        }
        found: dict[str, bytes] = {}
        for attempt in range(_ATTEMPTS):
            answer = self._client.batch_get_item(RequestItems=left)
            found |= {item["row"]["S"]: item["blob"]["B"] for item in answer["Responses"].get(self._table, [])}
            left = answer.get("UnprocessedKeys") or {}
            if not left:
                return found
            time.sleep(random.uniform(0.5, 1.0) * 0.01 * 2**attempt)  # noqa: S311
        unprocessed = len(left[self._table]["Keys"])
        message = f"the online store at {self.address} left {unprocessed} keys unprocessed after {_ATTEMPTS} attempts"
        raise Unavailable(message, hint="it is throttled: raise its capacity, or ask for less at once")

    def _last_written(self, tenant: str, view: str, limit: int) -> list[tuple[str, bytes]]:
        keys = [key for _, key in self._newest(tenant, view, "by_written", "written", limit)]
        found = self._fetch(tenant, [(view, keys)]) if keys else []
        return [(key, blob) for key, blob in zip(keys, found, strict=True) if blob is not None]

    def _newest(self, tenant: str, view: str, index: str, by: str, limit: int) -> list[tuple[int, str]]:
        """The (`by`, key) of the rows with the highest `by`, over all parts."""
        scope = scope_name(tenant, view)

        def ask(part: int) -> list[tuple[int, str]]:
            query: dict[str, Any] = {
                "TableName": self._table,
                "IndexName": index,
                "KeyConditionExpression": "part = :part",
                "ExpressionAttributeValues": {":part": {"S": f"{scope}:{part}"}},
                "ScanIndexForward": False,
            }
            items: list[Any] = []
            while len(items) < limit:
                answer = self._client.query(**query, Limit=limit - len(items))
                items += answer["Items"]
                if "LastEvaluatedKey" not in answer:
                    break
                query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            return [(int(item[by]["N"]), item["row"]["S"][len(scope) + 1 :]) for item in items]

        found = [pair for pairs in self._all(ask, range(PARTS)) for pair in pairs]
        return sorted(found, reverse=True)[:limit]

    def _keep(self, layout: Layout) -> None:
        if layout.id in self._kept:
            return
        with self._answering():
            item = {"row": {"S": f"layout:{layout.id.hex()}"}, "blob": {"B": layout.document.encode()}}
            self._client.put_item(TableName=self._table, Item=item)
        self._kept.add(layout.id)

    def _stored_layout(self, reference: bytes) -> bytes | None:
        with self._answering():
            key = {"row": {"S": f"layout:{reference.hex()}"}}
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return answer["Item"]["blob"]["B"] if "Item" in answer else None

    def _next_written(self, rows: int) -> int:
        """The first of `rows` numbers that rise from call to call, also when the clock does not."""
        with self._lock:
            first = max(self._written, time.time_ns())
            self._written = first + rows
            return first

    def _all(self, call: Callable[[A], T], arguments: Iterable[A]) -> list[T]:
        """Every call's answer in order; one alone is made in this thread."""
        listed = list(arguments)
        with self._answering():
            if len(listed) == 1:
                return [call(listed[0])]
            return list(self._pool.map(call, listed))

    @contextmanager
    def _answering(self) -> Generator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            hint = "is the table made, and may these credentials use it?"
            message = f"the online store at {self.address} refused: {error}"
            if error.response.get("Error", {}).get("Code") == "ValidationException":
                raise InvalidInput(message, hint="a key of DynamoDB is at most 2048 bytes, not empty") from error
            raise Unavailable(message, hint=hint) from error
        except BotoCoreError as error:
            raise Unavailable(
                f"the online store at {self.address} did not answer: {error}", hint="is it up?"
            ) from error


def _part(scope: str, key: str) -> str:
    return f"{scope}:{crc32(key.encode()) % PARTS}"
