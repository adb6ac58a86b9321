"""The online store on Redis: one string per (tenant, view, key), read by one MGET.

    vigia:row:<scope>:<key>      a packed row (`layout`)
    vigia:layout:<id>            how it is read, JSON
    vigia:newest:<scope>         the event time of the newest row, for freshness (`redis_newest`)
    vigia:written:<scope>        list: the keys written last, up to 10,000, for samples

A scope is `<length of tenant>.<length of view>:<tenant>:<view>`. The rows of a batch are read, compared here, and those
that win are written in one transaction, which happens only if nobody wrote the view meanwhile (WATCH); else the batch
is looked at again. So two writers cannot cross. A script that compares inside Redis takes three times the server's
time: each row becomes strings of its interpreter.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from foundation.clock import Clock
from foundation.errors import InvalidInput, Unavailable
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.online.layout import TIMES, Layout, PackedRows
from platform_core.features.online.packed_store import PackedStore
from platform_core.features.online.redis_channel import Command, RedisChannel
from platform_core.features.online.redis_names import layout_name, row_names, row_prefix, written_name
from platform_core.features.online.redis_newest import (
    NEVER,
    Newest,
    newest_after,
    newest_name,
    read_newest,
    write_newest,
)
from platform_core.features.values import moment

if TYPE_CHECKING:
    from redis import Redis

_BATCH = 1000
"""Rows per transaction: Redis serves nobody else while it runs one."""

_AT_ONCE = 1000
"""Keys looked at per round trip when all of a view are."""

_ATTEMPTS = 200
"""Of one batch, while others write the same view at the same time: each time one of them got through."""

_LONGEST_WAIT_S = 0.02
_NO_TIMES = TIMES.pack(NEVER, NEVER)


class RedisOnlineStore(PackedStore):
    """Implements `OnlineStore` on the server at `url` (`redis://host:6379/0`). Safe to share between threads.

    A connection that broke is tried anew once per call: a server that was restarted is found again at once, and one
    that is away is told within `timeout_s`.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 1.0, clock: Clock | None = None, max_ahead: timedelta = MAX_CLOCK_SKEW
    ) -> None:
        super().__init__(clock, max_ahead)
        try:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise InvalidInput("the Redis client is not installed", hint="install the extra: vigia[redis]") from error
        retry = Retry(NoBackoff(), 1)
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=retry
        )
        self.address = _address(self._redis.get_connection_kwargs())
        self._channel = RedisChannel(self._redis.connection_pool)

    def close(self) -> None:
        self._channel.close()
        self._redis.close()

    def claim(self, environment: str) -> str:
        with self._answering():
            self._redis.set("vigia:environment", environment, nx=True)
            return cast(bytes, self._redis.get("vigia:environment")).decode()

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        name = newest_name(tenant, view)
        with self._answering():
            stored, written = self._channel.ask_all([("GET", [name]), ("EXISTS", [written_name(tenant, view)])])
            known = read_newest(stored)
            if known is not None and not known.token:
                return moment(known.us)
            if known is None and not written:
                return None
            newest = max(NEVER if known is None else known.us, self._greatest_event(row_prefix(tenant, view)))
            if newest == NEVER:
                return None
            self._settle(name, known, newest)
        return moment(newest)

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
        # The layouts go with every batch: a server that lost its memory must not hold rows that nobody can read.
        kept: list[Command] = [("SET", (layout_name(layout.id), layout.document)) for layout in layouts]
        stored = 0
        with self._answering():
            for start in range(0, len(rows.keys), _BATCH):
                batch = rows.part(start, start + _BATCH)
                stored += self._put_batch(tenant, view, batch, kept, horizon_us=horizon_us, force=force)
        return stored

    def _put_batch(
        self, tenant: str, view: str, rows: PackedRows, kept: Sequence[Command], *, horizon_us: int, force: bool
    ) -> int:
        names, newest = row_names(tenant, [(view, rows.keys)]), newest_name(tenant, view)
        written = written_name(tenant, view)
        asked: list[Command] = [("WATCH", (newest,)), ("GET", (newest,)), ("EXISTS", (written,)), ("MGET", names)]
        for attempt in range(_ATTEMPTS):
            _, known, before, old = self._channel.ask_all(asked)
            event, created = _times(old)
            later = (rows.event_us > event) | ((rows.event_us == event) & (rows.created_us > created))
            wins = np.flatnonzero(later | (event > horizon_us) | (event == NEVER) | force)
            if not len(wins):
                self._channel.ask("UNWATCH", ())
                return 0
            keys, pairs = rows.keys, [part for pair in zip(names, rows.blobs, strict=True) for part in pair]
            if len(wins) < len(keys):
                keys = [keys[at] for at in wins]
                pairs = [part for at in wins for part in pairs[2 * at : 2 * at + 2]]
            state = newest_after(read_newest(known), rows.event_us[wins], event[wins], written_before=bool(before))
            transaction: list[Command] = [
                *kept,
                ("MSET", pairs),
                ("LPUSH", (written, *keys)),
                ("LTRIM", (written, 0, 9999)),
                ("SET", (newest, write_newest(state))),
            ]
            if self._channel.transact(transaction):
                return len(wins)
            time.sleep(random.uniform(0, min(_LONGEST_WAIT_S, 0.0005 * 2 ** min(attempt, 9))))  # noqa: S311
        message = f"the online store in Redis at {self.address}: others write {view!r} without a pause"
        raise Unavailable(message, hint="try again, or let fewer processes write the view")

    def _greatest_event(self, prefix: str) -> int:
        """Of all rows whose names begin so."""
        pattern = "".join(f"\\{c}" if c in "*?[]\\^" else c for c in prefix) + "*"
        greatest, cursor = NEVER, b"0"
        while True:
            cursor, names = self._channel.ask("SCAN", (cursor, "MATCH", pattern, "COUNT", _AT_ONCE))
            times = self._channel.ask_all([("GETRANGE", (name, 0, 7)) for name in names]) if names else []
            joined = b"".join(times)  # of a row that is gone meanwhile: nothing
            greatest = max([greatest, *np.frombuffer(joined, "<i8").tolist()])
            if cursor == b"0":
                return greatest

    def _settle(self, name: str, known: Newest | None, found: int) -> None:
        """Keep the newest that was `found`, where it is `known` no better and did not come to be unknown once more; if
        not, the next one looks."""
        for _ in range(_ATTEMPTS):
            _, stored = self._channel.ask_all([("WATCH", (name,)), ("GET", (name,))])
            now = read_newest(stored)
            if (now and now.token) != (known and known.token):
                self._channel.ask("UNWATCH", ())
                return
            if self._channel.transact([("SET", (name, found if now is None else max(found, now.us)))]):
                return

    def _fetch(self, tenant: str, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[bytes | None]:
        names = row_names(tenant, wanted)
        with self._answering():
            return cast(list[bytes | None], self._channel.ask("MGET", names)) if names else []

    def _last_written(self, tenant: str, view: str, limit: int) -> list[tuple[str, bytes]]:
        with self._answering():
            members = cast(list[bytes], self._redis.lrange(written_name(tenant, view), 0, -1))
        keys = [member.decode() for member in dict.fromkeys(members)][:limit]
        found = self._fetch(tenant, [(view, keys)]) if keys else []
        return [(key, blob) for key, blob in zip(keys, found, strict=True) if blob is not None]

    def _stored_layout(self, reference: bytes) -> bytes | None:
        with self._answering():
            return cast(bytes | None, self._redis.get(layout_name(reference)))

    @contextmanager
    def _answering(self) -> Generator[None]:
        from redis.exceptions import RedisError

        try:
            yield
        except RedisError as error:
            message = f"the online store in Redis at {self.address} did not answer: {error}"
            raise Unavailable(message, hint="is it up?") from error


def _times(rows: Sequence[bytes | None]) -> npt.NDArray[np.int64]:
    """Event and created times, each an array; NEVER where there is no row. Raises Unavailable for what is no row."""
    lengths = {len(row) for row in rows if row is not None}
    if lengths and min(lengths) < TIMES.size:
        raise Unavailable(f"an online row of {min(lengths)} bytes is cut short", hint="delete it: it is not ours")
    first = rows[0]
    if first is not None and None not in rows and len(lengths) == 1:
        together = np.frombuffer(b"".join(cast(Sequence[bytes], rows)), np.uint8).reshape(len(rows), len(first))
        return np.ascontiguousarray(together[:, :16]).view("<i8").T
    times = b"".join([_NO_TIMES if row is None else row[:16] for row in rows])
    return np.frombuffer(times, "<i8").reshape(len(rows), 2).T


def _address(connection: dict[str, Any]) -> str:
    """Where the server is, without user and password."""
    if "path" in connection:
        return str(connection["path"])
    return f"{connection.get('host', 'localhost')}:{connection.get('port', 6379)}/{connection.get('db', 0)}"
