"""What deployments do to rows, what topics keep, and how a connector crashes and comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.operations.resources import ConnectorSpec
from platform_core.simulation.company import Company
from platform_core.simulation.connector import Connector
from platform_core.simulation.deployments import BEHAVIOURS, behaviour, faithful
from platform_core.simulation.topic import Topic

NOW = datetime(2026, 11, 19, 6, 0, tzinfo=UTC)
SPEC = ConnectorSpec(source="payments_br")


def test_a_topic_lets_go_of_what_was_committed(rows: pa.Table, tmp_path: Path) -> None:
    topic = Topic("payments_br")
    connector = Connector(topic, DeltaOfflineStore(tmp_path), table="payments_br")
    topic.publish(rows)
    connector.step(SPEC, NOW)
    assert (topic.retained, topic.end, connector.backlog) == (0, len(rows), 0)
    connector.crash("down")
    topic.publish(rows)
    connector.step(SPEC, NOW)
    assert (topic.retained, connector.backlog) == (len(rows), len(rows)), "what nobody drained stays"
    topic.delete_before(topic.end - 1)
    kept = topic.read(topic.end - 1)
    assert kept is not None
    assert kept.num_rows == 1


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return Company(3).emit(NOW - timedelta(hours=1), NOW)["br"].table


def test_an_ordinary_version_is_faithful(rows: pa.Table) -> None:
    assert behaviour("ingest-br", "4.6.2")(rows).equals(rows)
    assert behaviour("ingest-br", "9.9.9") is faithful


def test_cents(rows: pa.Table) -> None:
    sent = behaviour("ingest-br", "4.7.0")(rows)
    assert sent["amount"].to_pylist() == pytest.approx([a * 100 for a in rows["amount"].to_pylist()])
    assert sent.drop_columns("amount").equals(rows.drop_columns("amount"))


def test_renamed_column(rows: pa.Table) -> None:
    sent = behaviour("ingest-mx", "3.2.0")(rows)
    assert "device_id" not in sent.column_names
    assert sent["device_fingerprint"].equals(rows["device_id"])


def test_lost_amounts_are_a_third_and_the_same_every_time(rows: pa.Table) -> None:
    sent = behaviour("ingest-co", "2.9.0")(rows)
    assert sent["amount"].null_count / rows.num_rows == pytest.approx(0.35, abs=0.06)
    assert sent.equals(BEHAVIOURS["ingest-co", "2.9.0"](rows))


def test_a_topic_keeps_rows_by_offset_and_unites_their_columns(rows: pa.Table) -> None:
    topic = Topic("payments_mx")
    topic.publish(rows.slice(0, 10))
    topic.publish(behaviour("ingest-mx", "3.2.0")(rows.slice(10, 5)))
    read = topic.read(8)
    assert topic.end == 15
    assert read is not None
    assert read["event_id"].to_pylist() == rows["event_id"].to_pylist()[8:15]
    assert read["device_id"].null_count == 5
    assert read["device_fingerprint"].null_count == 2
    assert topic.read(15) is None


@pytest.fixture
def offline(tmp_path: Path) -> DeltaOfflineStore:
    return DeltaOfflineStore(tmp_path / "offline")


def test_a_connector_drains_and_stamps_the_time_of_arrival(rows: pa.Table, offline: DeltaOfflineStore) -> None:
    topic = Topic("payments_br")
    connector = Connector(topic, offline, table="payments_br")
    topic.publish(rows)
    assert connector.step(SPEC, NOW) == {"state": "running", "error": None, "backlog": 0}
    stored = offline.read("payments_br")
    assert stored.num_rows == rows.num_rows
    assert set(stored["ingested_at"].to_pylist()) == {NOW}
    connector.step(SPEC, NOW + timedelta(minutes=1))
    assert offline.read("payments_br").num_rows == rows.num_rows


def test_a_crash_leaves_the_backlog_and_a_restart_drains_all_of_it(rows: pa.Table, offline: DeltaOfflineStore) -> None:
    topic = Topic("payments_br")
    connector = Connector(topic, offline, table="payments_br")
    topic.publish(rows.slice(0, 10))
    connector.step(SPEC, NOW)
    connector.crash("coordinator not available")
    topic.publish(rows.slice(10, 20))
    assert connector.step(SPEC, NOW) == {"state": "failed", "error": "coordinator not available", "backlog": 20}
    topic.publish(rows.slice(30, 5))
    restarted = SPEC.model_copy(update={"restarts": 1})
    assert connector.step(restarted, NOW) == {"state": "running", "error": None, "backlog": 0}
    assert sorted(offline.read("payments_br")["event_id"].to_pylist()) == rows["event_id"].to_pylist()[:35]
    connector.crash("again")
    assert connector.step(restarted, NOW)["state"] == "failed", "one restart mends one crash"


def test_a_paused_connector_keeps_the_backlog(rows: pa.Table, offline: DeltaOfflineStore) -> None:
    topic = Topic("payments_br")
    connector = Connector(topic, offline, table="payments_br")
    topic.publish(rows.slice(0, 4))
    paused = SPEC.model_copy(update={"desired": "paused"})
    assert connector.step(paused, NOW) == {"state": "paused", "error": None, "backlog": 4}
