"""Any order of writes, restores and reads: each store answers as a dictionary would.

Rows arrive late, twice, with equal event times, out of order, from the future, with features gained and lost, for
tenants and views whose names look alike and for composite keys.
"""

from __future__ import annotations

import tempfile
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from foundation.clock import FixedClock
from platform_core.features.keys import entity_key
from platform_core.features.online.port import FeatureRow
from platform_core.features.values import FeatureValue
from tests.fakes.online_stores import STORES, online_store

START = datetime(2026, 11, 19, 5, 40, tzinfo=UTC)
HOUR = timedelta(hours=1)
TTL = 3 * HOUR
AHEAD = HOUR

TENANTS = st.sampled_from(["br", "br:v", "br:v:"])
VIEWS = st.sampled_from(["v", ":v", "v:v"])
KEYS = st.tuples(st.sampled_from(["", "a", "a|", "|a", "a\\"]), st.sampled_from(["", "a", "|"])).map(entity_key)
VALUES = st.fixed_dictionaries(
    {"x": st.none() | st.floats(allow_nan=False, allow_infinity=False)},
    optional={"s": st.none() | st.text(max_size=4), "n": st.integers(-(1 << 63), (1 << 63) - 1)},
)
ROWS = st.lists(st.tuples(KEYS, st.integers(-6, 5), st.integers(0, 2), VALUES), min_size=1, max_size=4)
FEATURES = ("x", "s", "n", "never")

Row = tuple[datetime, datetime, dict[str, FeatureValue]]


def by_values(row: FeatureRow) -> list[tuple[bool, Any]]:
    return [(row.values.get(name) is not None, row.values.get(name)) for name in sorted(FEATURES)]


class StoreMachine(RuleBasedStateMachine):
    kind: str
    directory: Path

    def __init__(self) -> None:
        super().__init__()
        self.clock = FixedClock(START)
        self.prefix = uuid.uuid4().hex[:8]  # a server keeps what earlier runs wrote
        self.known: dict[tuple[str, str], dict[str, Row]] = {}
        self.refused = 0
        self.open = ExitStack()
        self.store = self.open.enter_context(online_store(self.kind, self.directory, clock=self.clock, max_ahead=AHEAD))

    def teardown(self) -> None:
        self.open.close()

    @rule(tenant=TENANTS, view=VIEWS, rows=ROWS, force=st.booleans())
    def store_rows(self, tenant: str, view: str, rows: list[Any], force: bool) -> None:
        batch = [
            FeatureRow(key, START + event * HOUR, START + created * HOUR, values)
            for key, event, created, values in rows
        ]
        horizon = self.clock.now() + AHEAD
        sound = [row for row in batch if row.event_ts <= horizon]
        self.refused += len(batch) - len(sound)
        newest: dict[str, FeatureRow] = {}
        for row in sorted(sound, key=lambda r: (r.event_ts, r.created_ts), reverse=True):
            equal = [r for r in sound if (r.key, r.event_ts, r.created_ts) == (row.key, row.event_ts, row.created_ts)]
            newest.setdefault(row.key, max(equal, key=by_values))
        known = self.known.setdefault((tenant, view), {})
        changed = 0
        for row in newest.values():
            if force or row.key not in known or (row.event_ts, row.created_ts) > known[row.key][:2]:
                known[row.key] = (row.event_ts, row.created_ts, dict(row.values))
                changed += 1
        write = self.store.restore if force else self.store.write
        assert write(self.prefix + tenant, view, batch) == changed

    @rule(hours=st.integers(0, 2))
    def wait(self, hours: int) -> None:
        self.clock.advance(hours * HOUR)

    @rule(tenant=TENANTS, view=VIEWS, other=VIEWS, keys=st.lists(KEYS, max_size=20), ages=st.booleans())
    def read(self, tenant: str, view: str, other: str, keys: list[str], ages: bool) -> None:
        wanted = [(view, keys), (other, keys[::-1])]
        now, ttls = self.clock.now(), {view: TTL, other: TTL} if ages else {}
        batches = self.store.read_views(self.prefix + tenant, wanted, now=now, ttls=ttls)
        flat = [(name, key) for name, asked in wanted for key in asked]
        rows = self.store.read(self.prefix + tenant, flat, now=now, ttls=ttls)
        assert [(r.view, r.key) for r in rows] == flat
        for (name, asked), batch in zip(wanted, batches, strict=True):
            columns = batch.columns(FEATURES)
            times = batch.event_times()
            for place, key in enumerate(asked):
                event, values, status = self._expected(tenant, name, key, now, ages)
                row = rows.pop(0)
                assert (row.status, row.event_ts, times[place]) == (status, event, event)
                assert dict(row.values) == (values if status == "present" else {})
                for feature, shown, statuses in zip(FEATURES, columns.values, columns.statuses, strict=True):
                    said = status
                    if status == "present":
                        value = values.get(feature)
                        said = "null" if value is None else "present"
                        assert shown[place] == value
                    else:
                        assert shown[place] is None
                    assert statuses[place] == said

    @rule(tenant=TENANTS, view=VIEWS)
    def look_at_all(self, tenant: str, view: str) -> None:
        known = self.known.get((tenant, view), {})
        newest = max((row[0] for row in known.values()), default=None)
        assert self.store.newest_event(self.prefix + tenant, view) == newest
        sample = self.store.sample(self.prefix + tenant, view, 100)
        assert {r.key: (r.event_ts, r.created_ts, dict(r.values)) for r in sample} == known

    @invariant()
    def every_row_from_the_future_is_counted(self) -> None:
        assert self.store.refused.total() == self.refused

    def _expected(
        self, tenant: str, view: str, key: str, now: datetime, ages: bool
    ) -> tuple[datetime | None, dict[str, FeatureValue], str]:
        row = self.known.get((tenant, view), {}).get(key)
        if row is None:
            return None, {}, "missing"
        return row[0], row[2], "expired" if ages and now - row[0] > TTL else "present"


@pytest.mark.parametrize("kind", STORES)
def test_a_store_answers_as_a_dictionary_would(kind: str) -> None:
    # Requests to a server of Python cost most: fewer stories there, each as long.
    stories = 12 if kind == "dynamodb" else 40
    with tempfile.TemporaryDirectory() as directory:
        machine = type("Machine", (StoreMachine,), {"kind": kind, "directory": Path(directory)})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=stories,
                stateful_step_count=12,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
