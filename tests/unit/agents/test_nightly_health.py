"""The nightly report: once per day of the platform, over restarts, crashes and a chat that is down."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from agents.health.nightly import CATCH_UP, LEASE_SECONDS, RETRY_SECONDS, Nightly
from agents.health.tables import nightly_reports
from agents.health.types import HealthCheck, HealthReport, HealthSection
from foundation.clock import FixedClock
from foundation.database import reading
from foundation.errors import Unavailable
from interfaces.slack.report import MOST_FINDINGS, report_blocks
from tests.fakes.audit_log import FakeAuditLog

THREE = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class Night:
    """One database, as many workers as a test wants, time in its hand."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.engine = engine
        self.directory = directory
        self.clock = FixedClock(THREE)
        self.audit = FakeAuditLog(self.clock)
        self.wall = 1000.0
        self.built = 0
        self.told: list[HealthReport] = []
        self.down = False

    def worker(self) -> Nightly:
        return Nightly(
            self.engine,
            self.clock,
            self.audit,
            at=time(3, 0),
            build=self._build,
            directory=self.directory,
            readers=(self,),
            wall=lambda: self.wall,
        )

    def report_written(self, report: HealthReport) -> None:
        if self.down:
            raise Unavailable("Slack is down")
        self.told.append(report)

    def _build(self) -> HealthReport:
        self.built += 1
        return report(("ok", "fresh"), ("failed", "card_velocity of br"))


def report(*checks: tuple[str, str]) -> HealthReport:
    made = tuple(
        HealthCheck.model_validate({"name": "freshness", "subject": subject, "status": status, "summary": "lags"})
        for status, subject in checks
    )
    return HealthReport(start=THREE - timedelta(days=1), end=THREE, sections=(HealthSection(name="P", checks=made),))


@pytest.fixture
def night(engine: Engine, tmp_path: Path) -> Night:
    return Night(engine, tmp_path / "reports")


def test_once_a_night_whoever_is_restarted(night: Night) -> None:
    assert night.worker().step()
    assert not night.worker().step(), "another worker, or the same one restarted"
    night.clock.advance(timedelta(hours=1))
    assert not night.worker().step()
    assert (night.built, len(night.told)) == (1, 1)
    assert "FAILED" in (night.directory / "health-2026-11-20.md").read_text()
    assert night.audit.actions() == ["health.reported"]
    night.clock.advance(timedelta(hours=23))
    assert night.worker().step()
    assert (night.directory / "health-2026-11-21.md").exists()


@pytest.mark.parametrize(
    ("offset", "due"),
    [
        (-timedelta(seconds=1), False),
        (timedelta(), True),
        (CATCH_UP - timedelta(seconds=1), True),
        (CATCH_UP, False),
    ],
)
def test_it_is_due_from_its_time_on_and_not_in_the_afternoon(night: Night, offset: timedelta, due: bool) -> None:
    night.clock.advance(offset)
    assert night.worker().step() is due


def test_a_worker_that_died_is_taken_over_when_its_lease_is_over(night: Night) -> None:
    dead = night.worker()
    assert dead._claim("2026-11-20")
    other = night.worker()
    assert not other.step()
    night.wall += LEASE_SECONDS + 1
    assert other.step()
    assert (night.built, len(night.told)) == (1, 1)


def test_a_chat_that_is_down_is_told_later_and_the_report_is_not_made_twice(night: Night) -> None:
    night.down = True
    with pytest.raises(Unavailable):
        night.worker().step()
    night.down = False
    assert not night.worker().step(), "not at once again"
    night.wall += RETRY_SECONDS + 1
    assert night.worker().step()
    assert (night.built, len(night.told)) == (1, 1)
    assert night.told[0].verdict == "failed"
    with reading(night.engine) as connection:
        row = connection.execute(sa.select(nightly_reports)).one()
    assert row.verdict == "failed"
    assert row.told_at is not None


def test_slack_shows_what_needs_a_look_first_and_counts_the_rest() -> None:
    hostile = "<!channel> of br & co"
    blocks = report_blocks(report(("ok", "fine"), ("attention", "slow"), ("failed", hostile)), lambda text: text)
    text = "\n".join(str(block) for block in blocks)
    assert "1 ok · 1 need attention · 1 failed" in text
    assert text.index("red_circle") < text.index("large_yellow_circle")
    assert "<!channel>" not in text
    assert "fine" not in text
    many = report_blocks(report(*[("failed", f"view {n}") for n in range(200)]), lambda text: text)
    assert len(many) <= 50
    assert f"and {200 - MOST_FINDINGS} more" in str(many[-1])
    assert all(len(b["text"]["text"]) <= 3000 for b in many if b["type"] == "section")
