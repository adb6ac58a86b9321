"""Feast's SQLite online store read in place, as our online store.

Feast does not hold values to their ttl; this does, as everywhere: a value that Feast would still hand out may be
`expired` here. Feast writes whole seconds of event time. The only thing that is ever written is a file beside the store
that says whose environment's it is.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any

import yaml

from foundation.errors import Forbidden, InvalidInput, NotFound, Unavailable
from platform_core.access.stamp_file import STAMP, claim_file
from platform_core.attached.feast.names import key_parts, our_name
from platform_core.attached.feast.wire import NotCarried, Part, decode_key, decode_value, encode_key
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.keys import entity_key
from platform_core.features.online.layout import Layout, PackedRows
from platform_core.features.online.packed_store import PackedStore
from platform_core.features.online.rows import FeatureRow
from platform_core.features.values import FeatureValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_PARAMETERS = 30_000
_READ_ONLY = "Feast's online store is only read"


class FeastOnlineStore(PackedStore):
    """Of a repository with `online_store: {type: sqlite}` on entity keys of version 3. All its values belong to
    `tenant`, by default the project's name; other tenants have none here.

    `join_keys`: by view in which order our keys are made of its join keys, as the catalog has them. Feast's own keys do
    not tell: they are in the order of the names. Without, a view's are taken in that order.
    """

    def __init__(
        self, repository: Path, *, tenant: str | None = None, join_keys: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Raises NotFound without a repository or a store in it, InvalidInput for a store of another kind."""
        super().__init__(None, MAX_CLOCK_SKEW)
        config = repository_config(repository)
        project = str(config["project"])
        self.tenant = tenant or our_name(project)
        self._join_keys = dict(join_keys or {})
        self._path = _store_path(repository, config)
        self.address = str(self._path)
        self._local = threading.local()
        self._tables = {
            our_name(t.removeprefix(f"{project}_")): t for t in self._names() if t.startswith(f"{project}_")
        }

    def claim(self, environment: str) -> str:
        return claim_file(self._path.with_name(self._path.name + STAMP), environment)

    def views(self) -> list[str]:
        return sorted(self._tables)

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        raise Forbidden(_READ_ONLY, hint="materialize with feast, or into a store of our own")

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        raise Forbidden(_READ_ONLY, hint="materialize with feast, or into a store of our own")

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        table = self._table(tenant, view)
        if table is None:
            return None
        newest = self._rows(f"SELECT max(event_ts) FROM {_quote(table)}")[0][0]  # noqa: S608 - a name from the file
        return None if newest is None else _time(newest)

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
        raise Forbidden(_READ_ONLY)

    def _fetch(self, tenant: str, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[bytes | None]:
        return [blob for view, keys in wanted for blob in self._view(tenant, view, keys)]

    def _view(self, tenant: str, view: str, keys: Sequence[str]) -> list[bytes | None]:
        table = self._table(tenant, view)
        like = None if table is None else self._any_key(table)
        if table is None or like is None:
            return [None] * len(keys)
        order = self._order(view, like)
        kinds = {name: kind for name, kind, _ in like}
        encoded = [encode_key(_parts(key, order, kinds, view)) for key in keys]
        found: dict[bytes, FeatureRow] = {}
        for start in range(0, len(encoded), _MOST_PARAMETERS):
            some = encoded[start : start + _MOST_PARAMETERS]
            found |= self._decoded(view, table, f"WHERE entity_key IN ({','.join('?' * len(some))})", some)
        packed, _ = self._packed(view, list(found.values()))
        blobs = {row.key: row.blob for row in packed}
        return [blobs.get(key) for key in map(self._key, repeat(view), encoded)]

    def _last_written(self, tenant: str, view: str, limit: int) -> list[tuple[str, bytes]]:
        table = self._table(tenant, view)
        if table is None:
            return []
        newest = f"SELECT entity_key FROM {_quote(table)} GROUP BY 1 ORDER BY max(created_ts) DESC, 1 LIMIT ?"  # noqa: S608
        rows = self._decoded(view, table, f"WHERE entity_key IN ({newest})", [limit])
        packed, _ = self._packed(view, list(rows.values()))
        by_created = sorted(packed, key=lambda row: row.created_us, reverse=True)
        return [(row.key, row.blob) for row in by_created]

    def _stored_layout(self, reference: bytes) -> str | bytes | None:
        return None  # every row was packed by this process

    def _order(self, view: str, parts: Sequence[Part]) -> Sequence[str]:
        """Raises InvalidInput when the catalog names other join keys than Feast keeps."""
        names = sorted(name for name, _, _ in parts)
        order = self._join_keys.get(view, names)
        if sorted(order) != names:
            said = f"the catalog has {view} by {', '.join(order)}, Feast's store by {', '.join(names)}"
            raise InvalidInput(said, hint="import the repository again: vigia features import-feast")
        return order

    def _key(self, view: str, blob: bytes) -> str:
        parts = decode_key(blob)
        values = {name: value for name, _, value in parts}
        return entity_key([values[name] for name in self._order(view, parts)])

    def _decoded(self, view: str, table: str, condition: str, parameters: Sequence[object]) -> dict[bytes, FeatureRow]:
        """Feast keeps a row per feature. Values of types that we do not have are left out: they read as null."""
        query = f"SELECT entity_key, feature_name, value, event_ts, created_ts FROM {_quote(table)} {condition}"  # noqa: S608
        values: dict[bytes, dict[str, FeatureValue]] = {}
        times: dict[bytes, tuple[datetime, datetime]] = {}
        for key, feature, value, event, created in self._rows(f"{query} ORDER BY entity_key, feature_name", parameters):
            times[key] = max(times.get(key, (_EPOCH, _EPOCH)), (_time(event), _time(created)))
            row = values.setdefault(key, {})
            try:
                row[feature] = decode_value(value)
            except NotCarried:
                continue
        return {key: FeatureRow(self._key(view, key), *times[key], row) for key, row in values.items()}

    def _any_key(self, table: str) -> list[Part] | None:
        found = self._rows(f"SELECT entity_key FROM {_quote(table)} LIMIT 1")  # noqa: S608
        return decode_key(found[0][0]) if found else None

    def _table(self, tenant: str, view: str) -> str | None:
        return self._tables.get(view) if tenant == self.tenant else None

    def _names(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[Any]:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
                self._local.connection = connection
            return connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"Feast's online store {self.address!r} did not answer: {error}") from error


def repository_config(repository: Path) -> dict[str, Any]:
    """What `feature_store.yaml` says. Raises NotFound without one, InvalidInput for one that is not Feast's."""
    path = repository / "feature_store.yaml"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(
            f"there is no Feast repository in {str(repository)!r}", hint="feature_store.yaml is there"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict) or "project" not in config:
        raise InvalidInput(f"{path} names no project", hint="is it Feast's?")
    return config


def _store_path(repository: Path, config: dict[str, Any]) -> Path:
    store = config.get("online_store") or "sqlite"
    settings = store if isinstance(store, dict) else {"type": store}
    kind = settings.get("type", "sqlite")
    if kind != "sqlite":
        raise InvalidInput(f"Feast's online store is {kind!r}", hint="only sqlite is read in place")
    if (version := config.get("entity_key_serialization_version", 3)) != 3:
        raise InvalidInput(f"entity_key_serialization_version is {version}", hint="3 is read")
    path = repository / str(settings.get("path", "data/online.db"))
    if not path.is_file():
        raise NotFound(f"Feast's online store {str(path)!r} is not there", hint="feast materialize makes it")
    return path


def _parts(key: str, names: Sequence[str], kinds: dict[str, int], view: str) -> list[Part]:
    values = key_parts(key, len(names))
    if len(values) != len(names):
        raise InvalidInput(f"{key!r} is not a key of {view!r}", hint=f"it is made of {', '.join(names)}")
    return [(name, kinds[name], value) for name, value in zip(names, values, strict=True)]


def _time(value: Any) -> datetime:
    """Seconds since 1970 as Feast writes them now, or the text that earlier versions wrote; without a zone: UTC."""
    if isinstance(value, int | float):
        return _EPOCH + timedelta(seconds=value)
    if value is None:
        return _EPOCH
    moment = datetime.fromisoformat(re.sub(r" (?=[+-]\d\d:)", "", str(value)))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
