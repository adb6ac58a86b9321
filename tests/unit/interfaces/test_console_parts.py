"""The console's session cookies and charts."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from audit.entry import AuditRecord
from audit.log import TreeHead
from audit.port import AuditLog
from audit.replay import VerificationReport
from interfaces.console.charts import render_svg
from interfaces.console.session import MOST_REFUSALS, Refusals, Sessions
from interfaces.console.verification import KEEP_SECONDS, RecentVerification
from tools.contract import Chart, Series


class Wall:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_is_read_until_it_is_over() -> None:
    wall = Wall()
    sessions = Sessions(b"s" * 32, lifetime=3600, now=wall)
    cookie = sessions.issue("human:alice")
    assert sessions.read(cookie) == "human:alice"
    wall.now += 3601
    assert sessions.read(cookie) is None


def test_a_session_cannot_be_made_up_or_altered() -> None:
    sessions = Sessions(b"s" * 32, lifetime=3600)
    cookie = sessions.issue("human:bob")
    assert sessions.read(cookie.replace("human:bob", "human:alice")) is None
    assert sessions.read(Sessions(b"t" * 32, lifetime=3600).issue("human:bob")) is None
    for broken in (None, "", "|", "||||", "human:alice|9|x|y", "a|b|c|d"):
        assert sessions.read(broken) is None


def test_the_csrf_token_belongs_to_the_session() -> None:
    sessions = Sessions(b"s" * 32, lifetime=3600)
    mine, theirs = sessions.issue("human:alice"), sessions.issue("human:alice")
    assert sessions.csrf_holds(mine, sessions.csrf(mine))
    assert not sessions.csrf_holds(theirs, sessions.csrf(mine))
    assert not sessions.csrf_holds(mine, "")
    assert not sessions.csrf_holds(mine, mine.rpartition("|")[2])


class FakeLog(AuditLog):
    def __init__(self) -> None:
        self.records: list[AuditRecord] = []

    def append(self, record: AuditRecord, *, connection: object = None) -> None:
        self.records.append(record)


def test_refused_sign_ins_are_told_once_a_minute_and_counted() -> None:
    log, wall = FakeLog(), Wall()
    refusals = Refusals(log, monotonic=wall)
    for client in ("10.0.0.1", "10.0.0.2"):
        for _ in range(20):
            refusals.note({"channel": "console", "client": client})
    assert [record.payload["refusals"] for record in log.records] == [1, 20]
    for number in range(100):
        refusals.note({"channel": "console", "client": f"10.0.1.{number}"})
    assert len(log.records) == MOST_REFUSALS
    wall.now += 60
    refusals.note({"channel": "console", "client": "10.0.0.1"})
    assert len(log.records) == MOST_REFUSALS + 1
    assert sum(record.payload["refusals"] for record in log.records) == 141


def test_a_chart_is_well_formed_and_escaped() -> None:
    moments = [datetime(2026, 11, 19, 5, minute, tzinfo=UTC) for minute in range(3)]
    series = Series(name="<b>p50</b>", points=tuple(zip(moments, (1.0, 2.0, 94.0), strict=True)))
    chart = Chart(title='"><script>x</script>', unit="BRL", series=(series,), marks=((moments[1], "<deploy>"),))
    root = ET.fromstring(render_svg(chart))
    assert {child.tag for child in root} == {"title", "line", "text", "polyline"}
    points = next(child for child in root if child.tag == "polyline").attrib["points"].split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights, reverse=True)


def test_charts_without_points_or_with_one_value_are_drawn() -> None:
    moment = datetime(2026, 11, 19, 5, tzinfo=UTC)
    for points in ((), ((moment, 0.0),), ((moment, -4.0),)):
        ET.fromstring(render_svg(Chart(title="t", unit="", series=(Series(name="s", points=points),))))


def test_the_log_is_verified_once_for_a_head_and_again_after_a_while() -> None:
    wall, looked = Wall(), list[float]()

    def verify() -> VerificationReport:
        looked.append(wall.now)
        return VerificationReport(ok=True, entries=3, root_hash="a")

    recent = RecentVerification(verify, monotonic=wall)
    assert [recent.of(TreeHead(3, "a")).ok for _ in range(3)] == [True] * 3
    assert len(looked) == 1
    recent.of(TreeHead(4, "b"))
    assert len(looked) == 2, "the log has grown"
    wall.now += KEEP_SECONDS
    recent.of(TreeHead(4, "b"))
    assert len(looked) == 3, "an altered entry does not move the head"
