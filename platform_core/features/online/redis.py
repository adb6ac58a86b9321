"""The online store on Redis: one string per (tenant, view, key), read by one MGET.

    vigia:row:<scope>:<key>      a packed row (`layout`)
    vigia:layout:<id>            how it is read, JSON
    vigia:events:<scope>         sorted set: key by event time, for freshness
    vigia:written:<scope>        sorted set: key by order of writing, for samples
    vigia:written                the counter behind it

A scope is `<length of tenant>.<length of view>:<tenant>:<view>`. Newest-wins is decided inside Redis by a script, so
that two writers cannot cross.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from foundation.clock import Clock
from foundation.errors import InvalidInput, Unavailable
from platform_core.features.online.layout import Layout, PackedRow
from platform_core.features.online.packed_store import MAX_AHEAD, PackedStore
from platform_core.features.online.redis_channel import RedisChannel
from platform_core.features.online.scope import scope_name
from platform_core.features.values import moment

if TYPE_CHECKING:
    from redis import Redis

_STORE = """
local horizon, prefix, layouts = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local first = 4 + layouts  -- the first row's key; its value stands one further
for i = 1, layouts do redis.call('SET', KEYS[3 + i], ARGV[4 + i]) end
local old = ARGV[1] == 'force' and {} or redis.call('MGET', unpack(KEYS, first))
local values, events, written = {}, {}, {}
local order = redis.call('INCRBY', KEYS[3], #KEYS)
local n = 0
for i = first, #KEYS do
  local value, known = ARGV[i + 1], old[i - first + 1]
  local event, created = struct.unpack('<i8i8', value)
  local wins = not known
  if known then
    local old_event, old_created = struct.unpack('<i8i8', known)
    wins = event > old_event or (event == old_event and created > old_created) or old_event > horizon
  end
  if wins then
    n = n + 1
    values[2 * n - 1], values[2 * n] = KEYS[i], value
    local key = string.sub(KEYS[i], prefix + 1)
    events[2 * n - 1], events[2 * n] = event, key
    written[2 * n - 1], written[2 * n] = order + i, key
  end
end
if n > 0 then
  redis.call('MSET', unpack(values))
  redis.call('ZADD', KEYS[1], unpack(events))
  redis.call('ZADD', KEYS[2], unpack(written))
end
return n
"""
_BATCH = 500
"""Rows per script: Redis serves nobody else while one runs."""


class RedisOnlineStore(PackedStore):
    """Implements `OnlineStore` on the server at `url` (`redis://host:6379/0`). Safe to share between threads.

    A connection that broke is tried anew once per call: a server that was restarted is found again at once, and one
    that is away is told within `timeout_s`.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 1.0, clock: Clock | None = None, max_ahead: timedelta = MAX_AHEAD
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
        self._script: Any = self._redis.register_script(_STORE)

    def close(self) -> None:
        self._channel.close()
        self._redis.close()

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        name = f"vigia:events:{scope_name(tenant, view)}"
        with self._answering():
            found = cast(list[tuple[bytes, float]], self._redis.zrevrange(name, 0, 0, withscores=True))
        return moment(int(found[0][1])) if found else None

    def _put(
        self,
        tenant: str,
        view: str,
        rows: Sequence[PackedRow],
        layouts: Sequence[Layout],
        *,
        horizon_us: int,
        force: bool,
    ) -> int:
        scope = scope_name(tenant, view)
        # The layouts go with every batch: a server that lost its memory must not hold rows that nobody can read.
        places = [f"vigia:events:{scope}", f"vigia:written:{scope}", "vigia:written"]
        places += [_layout_key(layout.id) for layout in layouts]
        prefix = f"vigia:row:{scope}:"
        mode = "force" if force else "newest"
        head: list[str | bytes | int] = [mode, horizon_us, len(prefix.encode()), len(layouts)]
        head += [layout.document for layout in layouts]
        stored = 0
        with self._answering():
            for start in range(0, len(rows), _BATCH):
                batch = rows[start : start + _BATCH]
                keys = places + [prefix + row.key for row in batch]
                arguments = head + [row.blob for row in batch]
                stored += int(self._script(keys=keys, args=arguments))
        return stored

    def _fetch(self, tenant: str, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[bytes | None]:
        keys: list[str] = []
        for view, asked in wanted:
            prefix = f"vigia:row:{scope_name(tenant, view)}:"
            keys += [prefix + key for key in asked]
        with self._answering():
            return cast(list[bytes | None], self._channel.ask("MGET", keys))

    def _last_written(self, tenant: str, view: str, limit: int) -> list[tuple[str, bytes]]:
        with self._answering():
            name = f"vigia:written:{scope_name(tenant, view)}"
            keys = [member.decode() for member in cast(list[bytes], self._redis.zrevrange(name, 0, limit - 1))]
        found = self._fetch(tenant, [(view, keys)]) if keys else []
        return [(key, blob) for key, blob in zip(keys, found, strict=True) if blob is not None]

    def _stored_layout(self, reference: bytes) -> bytes | None:
        with self._answering():
            return cast(bytes | None, self._redis.get(_layout_key(reference)))

    @contextmanager
    def _answering(self) -> Generator[None]:
        from redis.exceptions import RedisError

        try:
            yield
        except RedisError as error:
            message = f"the online store in Redis at {self.address} did not answer: {error}"
            raise Unavailable(message, hint="is it up?") from error


def _layout_key(reference: bytes) -> str:
    return f"vigia:layout:{reference.hex()}"


def _address(connection: dict[str, Any]) -> str:
    """Where the server is, without user and password."""
    if "path" in connection:
        return str(connection["path"])
    return f"{connection.get('host', 'localhost')}:{connection.get('port', 6379)}/{connection.get('db', 0)}"
