"""The online store on Redis: one string per (tenant, view, key), read by one MGET.

    vigia:row:<tenant>:<view>:<key>     event and created time (int64 us, big-endian), feature list id (12), packed row
    vigia:list:<id>                     the feature names of packed rows, JSON
    vigia:events:<tenant>:<view>        sorted set: key by event time, for freshness
    vigia:written:<tenant>:<view>       sorted set: key by order of writing, for samples
    vigia:written                       the counter behind it

Newest-wins is decided inside Redis by a script, so that two writers cannot cross.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from foundation.errors import InvalidInput, Unavailable
from platform_core.features.online import codec
from platform_core.features.online.port import FeatureRow, OnlineRow

if TYPE_CHECKING:
    from redis import Redis

_STORE = """
local stored = 0
for i = 4, #KEYS do
  local at = 3 * (i - 4) + 2
  local member, value = ARGV[at], ARGV[at + 1]
  local event, created = struct.unpack('>i8i8', value)
  local newer = ARGV[1] == 'force'
  if not newer then
    local old = redis.call('GETRANGE', KEYS[i], 0, 15)
    if #old < 16 then
      newer = true
    else
      local old_event, old_created = struct.unpack('>i8i8', old)
      newer = event > old_event or (event == old_event and created > old_created)
    end
  end
  if newer then
    redis.call('SET', KEYS[i], value)
    redis.call('ZADD', KEYS[1], ARGV[at + 2], member)
    redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), member)
    stored = stored + 1
  end
end
return stored
"""
_TIMES = struct.Struct(">qq")
_LIST_ID = 12
_BATCH = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class RedisOnlineStore:
    """Implements `OnlineStore` on the server at `url` (`redis://host:6379/0`). Safe to share between threads."""

    def __init__(self, url: str, *, timeout_s: float = 1.0) -> None:
        try:
            from redis import Redis
        except ImportError as error:
            raise InvalidInput("the Redis client is not installed", hint="install the extra: vigia[redis]") from error
        self._redis: Redis = Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
        self._script: Any = self._redis.register_script(_STORE)
        self._lists: dict[str, tuple[str, ...]] = {}

    def close(self) -> None:
        self._redis.close()

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store(tenant, view, rows, "newest")

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store(tenant, view, rows, "force")

    def read(
        self, tenant: str, keys: Sequence[tuple[str, str]], *, now: datetime, ttls: Mapping[str, timedelta]
    ) -> list[OnlineRow]:
        if not keys:
            return []
        with self._answering():
            found = cast(list[bytes | None], self._redis.mget([_row_key(tenant, view, key) for view, key in keys]))
        answer: list[OnlineRow] = []
        for (view, key), value in zip(keys, found, strict=True):
            if value is None:
                answer.append(OnlineRow(view, key, "missing", None, {}))
                continue
            row = self._decode(key, value)
            expired = view in ttls and now - row.event_ts > ttls[view]
            status = "expired" if expired else "present"
            answer.append(OnlineRow(view, key, status, row.event_ts, {} if expired else row.values))
        return answer

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        with self._answering():
            found = cast(
                list[tuple[bytes, float]], self._redis.zrevrange(f"vigia:events:{tenant}:{view}", 0, 0, withscores=True)
            )
        return _EPOCH + timedelta(microseconds=int(found[0][1])) if found else None

    def sample(self, tenant: str, view: str, limit: int) -> list[FeatureRow]:
        if limit <= 0:
            return []
        with self._answering():
            members = cast(list[bytes], self._redis.zrevrange(f"vigia:written:{tenant}:{view}", 0, limit - 1))
            keys = [member.decode() for member in members]
            rows = cast(list[bytes | None], self._redis.mget([_row_key(tenant, view, k) for k in keys])) if keys else []
        return [self._decode(key, value) for key, value in zip(keys, rows, strict=True) if value is not None]

    def _store(self, tenant: str, view: str, rows: Sequence[FeatureRow], mode: str) -> int:
        stored = 0
        indexes = [f"vigia:events:{tenant}:{view}", f"vigia:written:{tenant}:{view}", "vigia:written"]
        with self._answering():
            for start in range(0, len(rows), _BATCH):
                batch = rows[start : start + _BATCH]
                keys = [*indexes, *(_row_key(tenant, view, row.key) for row in batch)]
                arguments: list[str | bytes | int] = [mode]
                for row in batch:
                    arguments += [row.key, self._encode(row), _us(row.event_ts)]
                stored += int(self._script(keys=keys, args=arguments))
        return stored

    def _encode(self, row: FeatureRow) -> bytes:
        names = tuple(row.values)
        reference = codec.schema_id(names)
        if reference not in self._lists:
            self._redis.set(f"vigia:list:{reference}", json.dumps(names))
            self._lists[reference] = names
        return _TIMES.pack(_us(row.event_ts), _us(row.created_ts)) + reference.encode() + codec.pack(row.values, names)

    def _decode(self, key: str, value: bytes) -> FeatureRow:
        if len(value) < _TIMES.size + _LIST_ID:
            raise Unavailable(f"an online row of {len(value)} bytes in Redis is cut short")
        event, created = _TIMES.unpack_from(value)
        names = self._names(value[_TIMES.size : _TIMES.size + _LIST_ID].decode())
        values = codec.unpack(value[_TIMES.size + _LIST_ID :], names)
        return FeatureRow(key, _EPOCH + event * _MICROSECOND, _EPOCH + created * _MICROSECOND, values)

    def _names(self, reference: str) -> tuple[str, ...]:
        if reference not in self._lists:
            with self._answering():
                stored = cast(bytes | None, self._redis.get(f"vigia:list:{reference}"))
            if stored is None:
                raise Unavailable(f"the online store in Redis lacks feature list {reference!r}")
            self._lists[reference] = tuple(json.loads(stored))
        return self._lists[reference]

    @contextmanager
    def _answering(self) -> Generator[None]:
        from redis.exceptions import RedisError

        try:
            yield
        except RedisError as error:
            raise Unavailable(f"the online store in Redis did not answer: {error}", hint="is it up?") from error


def _row_key(tenant: str, view: str, key: str) -> str:
    return f"vigia:row:{tenant}:{view}:{key}"


def _us(value: datetime) -> int:
    return (value - _EPOCH) // _MICROSECOND
