"""The online store on Redis: one string per (tenant, view, key), read by one MGET.

    vigia:row:<scope>:<key>      a packed row (`layout`)
    vigia:layout:<id>            how it is read, JSON
    vigia:events:<scope>         sorted set: key by event time, for freshness
    vigia:written:<scope>        list: the keys written last, up to 10,000, for samples

A scope is `<length of tenant>.<length of view>:<tenant>:<view>`. Newest-wins is decided inside Redis by a script, so
that two writers cannot cross.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from foundation.clock import Clock
from foundation.errors import InvalidInput, Unavailable
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.online.layout import Layout, PackedRows
from platform_core.features.online.packed_store import PackedStore
from platform_core.features.online.redis_channel import RedisChannel
from platform_core.features.online.scope import scope_name
from platform_core.features.values import moment

if TYPE_CHECKING:
    from redis import Redis

_STORE = """
local times = struct.unpack
local horizon, prefix, layouts = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local first = 3 + layouts  -- the first row's key; its value stands two further
for i = 1, layouts do redis.call('SET', KEYS[2 + i], ARGV[4 + i]) end
local old = ARGV[1] == 'force' and {} or redis.call('MGET', unpack(KEYS, first))
local values, events, written = {}, {}, {}
local n = 0
for i = first, #KEYS do
  local value, known = ARGV[i + 2], old[i - first + 1]
  local event, created = times('<i8i8', value)
  local wins = not known
  if known then
    local old_event, old_created = times('<i8i8', known)
    wins = event > old_event or (event == old_event and created > old_created) or old_event > horizon
  end
  if wins then
    local key = string.sub(KEYS[i], prefix + 1)
    n = n + 1
    written[n] = key
    local at = 2 * n
    values[at - 1], values[at] = KEYS[i], value
    events[at - 1], events[at] = event, key
  end
end
if n > 0 then
  redis.call('MSET', unpack(values))
  redis.call('ZADD', KEYS[1], unpack(events))
  redis.call('LPUSH', KEYS[2], unpack(written))
  redis.call('LTRIM', KEYS[2], 0, 9999)
end
return n
"""
_DIGEST = hashlib.sha1(_STORE.encode(), usedforsecurity=False).hexdigest()  # the name that Redis gives it
_BATCH = 500
"""Rows per script: Redis serves nobody else while one runs."""

_AT_ONCE = 8
"""Scripts sent before the first answer is read."""


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
        name = f"vigia:events:{scope_name(tenant, view)}"
        with self._answering():
            found = cast(list[tuple[bytes, float]], self._redis.zrevrange(name, 0, 0, withscores=True))
        return moment(int(found[0][1])) if found else None

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
        # The layouts go with every batch: a server that lost its memory must not hold rows that nobody can read.
        places = [f"vigia:events:{scope}", f"vigia:written:{scope}"]
        places += [_layout_key(layout.id) for layout in layouts]
        prefix = f"vigia:row:{scope}:"
        mode = "force" if force else "newest"
        head: list[str | bytes | int] = [mode, horizon_us, len(prefix.encode()), len(layouts)]
        head += [layout.document for layout in layouts]
        calls: list[list[str | bytes | int]] = []
        for start in range(0, len(rows.keys), _BATCH):
            batch = slice(start, start + _BATCH)
            keys = [*places, *[prefix + key for key in rows.keys[batch]]]
            calls.append([len(keys), *keys, *head, *rows.blobs[batch]])
        with self._answering():
            return sum(sum(self._run_script(calls[i : i + _AT_ONCE])) for i in range(0, len(calls), _AT_ONCE))

    def _fetch(self, tenant: str, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[bytes | None]:
        keys: list[str] = []
        for view, asked in wanted:
            prefix = f"vigia:row:{scope_name(tenant, view)}:"
            keys += [prefix + key for key in asked]
        with self._answering():
            return cast(list[bytes | None], self._channel.ask("MGET", keys))

    def _last_written(self, tenant: str, view: str, limit: int) -> list[tuple[str, bytes]]:
        with self._answering():
            members = cast(list[bytes], self._redis.lrange(f"vigia:written:{scope_name(tenant, view)}", 0, -1))
        keys = [member.decode() for member in dict.fromkeys(members)][:limit]
        found = self._fetch(tenant, [(view, keys)]) if keys else []
        return [(key, blob) for key, blob in zip(keys, found, strict=True) if blob is not None]

    def _stored_layout(self, reference: bytes) -> bytes | None:
        with self._answering():
            return cast(bytes | None, self._redis.get(_layout_key(reference)))

    def _run_script(self, calls: Sequence[list[str | bytes | int]]) -> list[int]:
        from redis.exceptions import NoScriptError

        try:
            return self._channel.ask_all([("EVALSHA", [_DIGEST, *call]) for call in calls])
        except NoScriptError:  # a server that was restarted; a batch that was stored already changes nothing
            return self._channel.ask_all([("EVAL", [_STORE, *call]) for call in calls])

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
