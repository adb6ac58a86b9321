"""The fast way through a log that holds: range by range, in as many processes as there are processors.

Every row stores the state of the log at that entry (leaf hash and frontier), so a range can be checked from the state
that the row before it claims; the ranges hold together when each ends in exactly the state the next began with. That
is the same check as reading from the first entry to the last. A range that does not hold says only that: who did what
to which entry is for `audit.replay` to find.

Per entry there are two SHA-256 over short inputs, the leaf's text and a comparison; nothing is parsed. That leaf's
text is unambiguous, because every field but the payload is a quoted string or a number, and is delimited from either
end of it.
"""

from __future__ import annotations

import hashlib
import json.encoder
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from audit import merkle
from audit.chain import split_frontier
from audit.leaf import FIRST_PREVIOUS_HASH
from audit.replay import ClockSteps
from foundation.database import open_database, reading

RANGE = 20_000
"""Entries in one range: the last one is waited for by everybody."""

SHARED_FROM = 15 * RANGE
"""Entries from which on a second process pays for its start."""

_COLUMNS = "sequence, {at}, action, actor, subject, tenant, incident_id, payload, previous_hash, leaf_hash, frontier"
_AT = {
    "sqlite": "recorded_at",
    "postgresql": """to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')""",
}


_CHUNK = 200
_AT_CHARS = len("2026-11-19T05:51:00.000000+00:00")


class State(NamedTuple):
    """The log after `size` entries. `peaks` as a frontier is stored."""

    size: int
    last_hash: str
    peaks: bytes


class Scanned(NamedTuple):
    """What a range showed: the state it began and ended with, roots at the sizes asked for, and the clock's steps."""

    start: State
    end: State
    roots: dict[int, str]
    first_at: str
    last_at: str
    steps_back: int
    largest_step_back_seconds: float


START = State(0, FIRST_PREVIOUS_HASH, b"")


def check_rows(rows: Iterable[Sequence[Any]], start: State, wanted: frozenset[int]) -> Scanned | None:
    """Rows in the order of `_COLUMNS`. None when one of them is not what follows."""
    quote, sha256 = json.encoder.encode_basestring, hashlib.sha256
    size, last, peaks = start  # the peaks 32 bytes each, one after the other
    roots: dict[int, str] = {}
    clock, first_at = ClockSteps(), ""
    clock_last = ""
    for sequence, at, action, actor, subject, tenant, incident_id, payload, previous, leaf_hash, frontier in rows:
        if sequence != size or previous != last:
            return None
        leaf = sha256(
            (
                f'\0{{"previous_hash":"{previous}","record":{{"action":{quote(action)},"actor":{quote(actor)}'
                f',"incident_id":{"null" if incident_id is None else quote(incident_id)},"payload":{payload}'
                f',"subject":{quote(subject)},"tenant":{"null" if tenant is None else quote(tenant)}}}'
                f',"recorded_at":{quote(at)},"sequence":{sequence}}}'
            ).encode()
        ).digest()
        last = leaf.hex()
        if last != leaf_hash:
            return None
        if size & 1:
            rest, end = size, len(peaks)
            while rest & 1:
                leaf = sha256(b"\1" + peaks[end - 32 : end] + leaf).digest()
                rest, end = rest >> 1, end - 32
            peaks = peaks[:end] + leaf
        else:
            peaks += leaf
        if peaks != frontier or len(at) != _AT_CHARS or at[26:] != "+00:00":
            return None  # no state of the tree, or no time as the log writes it
        if at < clock_last:
            clock.see(clock_last)
            clock.see(at)
        clock_last = at
        first_at = first_at or at
        size += 1
        if size in wanted:
            roots[size] = merkle.root_of(split_frontier(peaks)).hex()
    return Scanned(start, State(size, last, peaks), roots, first_at, clock_last, clock.count, clock.largest)


def scan(engine: Engine, wanted: frozenset[int], *, processes: int | None = None) -> list[Scanned] | None:
    """The whole stored log in ranges that hold and hold together, or None."""
    with reading(engine) as connection:
        last, rows = connection.execute(sa.text("SELECT max(sequence), count(*) FROM audit_entries")).one()
    # Else there are gaps, or rows whose place is no number, which SQLite sorts behind all numbers and no range holds.
    if (-1 if last is None else last) != rows - 1:
        return None
    size: int = rows
    bounds = [(begin, min(begin + RANGE, size)) for begin in range(0, size, RANGE)]
    wished = processes or (os.cpu_count() or 1 if size >= SHARED_FROM else 1)
    workers = min(wished, len(bounds))
    if workers > 1:
        found = _shared_out(engine, bounds, wanted, workers - 1)
    else:
        found = [_scan_range(engine, begin, end, wanted) for begin, end in bounds]
    return _joined(found)


def _shared_out(
    engine: Engine, bounds: Sequence[tuple[int, int]], wanted: frozenset[int], helpers: int
) -> list[Scanned | None]:
    """This process takes ranges from the end while its helpers, who need their time to start, take them from the
    beginning."""
    url = engine.url.render_as_string(hide_password=False)
    own: dict[int, Scanned | None] = {}
    # Spawned, not forked: this process may have threads and open connections.
    with ProcessPoolExecutor(helpers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(_scan_alone, url, begin, end, wanted) for begin, end in bounds]
        for which in reversed(range(len(bounds))):
            if jobs[which].cancel():
                own[which] = _scan_range(engine, *bounds[which], wanted)
        return [own[which] if which in own else job.result() for which, job in enumerate(jobs)]


def _joined(found: Sequence[Scanned | None]) -> list[Scanned] | None:
    held: list[Scanned] = []
    state = START
    for part in found:
        if part is None or part.start != state:
            return None
        held.append(part)
        state = part.end
    return held


def _scan_alone(url: str, begin: int, end: int, wanted: frozenset[int]) -> Scanned | None:
    engine = open_database(url)
    try:
        return _scan_range(engine, begin, end, wanted)
    finally:
        engine.dispose()


def _scan_range(engine: Engine, begin: int, end: int, wanted: frozenset[int]) -> Scanned | None:
    with reading(engine) as connection:
        start = _claimed(connection, begin)
        if start is None:
            return None
        # The first range takes whatever lies before entry 0 too: it has no business there.
        bounds = f"sequence < {end}" if begin == 0 else f"sequence >= {begin} AND sequence < {end}"
        query = select_rows(connection, f"WHERE {bounds}")
        connection.exec_driver_sql("SELECT 1")  # begins the read transaction that the driver's cursor is part of
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor("vigia_scan") if connection.dialect.name == "postgresql" else driver.cursor()
        try:
            cursor.execute(query)
            try:
                scanned = check_rows(_in_chunks(cursor), start, wanted)
            except (TypeError, ValueError):
                return None  # a column holds what the log never wrote there
        finally:
            cursor.close()
    return scanned if scanned is not None and scanned.end.size == end else None


def _in_chunks(cursor: Any) -> Iterator[Sequence[Any]]:
    """Going to and fro between the driver and the hashes for each row costs a tenth of all."""
    while chunk := cursor.fetchmany(_CHUNK):
        yield from chunk


def select_rows(connection: Connection, where: str = "") -> str:
    """The query for rows as `check_rows` takes them: times as the text that is hashed, nothing converted."""
    columns = _COLUMNS.format(at=_AT[connection.dialect.name])
    return f"SELECT {columns} FROM audit_entries {where} ORDER BY sequence"  # noqa: S608 - constants of this file


def _claimed(connection: Connection, size: int) -> State | None:
    """The state that the row of entry `size - 1` claims."""
    if size == 0:
        return START
    query = sa.text("SELECT leaf_hash, frontier FROM audit_entries WHERE sequence = :last")
    row = connection.execute(query, {"last": size - 1}).one_or_none()
    # Of any type, where somebody else wrote it.
    if row is None or not isinstance(row.frontier, bytes):
        return None
    if len(row.frontier) != merkle.HASH_BYTES * size.bit_count():
        return None  # the tree has one peak for each bit of its size
    return State(size, row.leaf_hash, row.frontier)
