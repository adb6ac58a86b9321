"""The health report: findings, and what is not a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.health.ports import AuditVerification, CauseTally, Diagnosed, ReadsApprovals, ReadsFeedback, ReadsIncidents
from agents.health.report import HealthCheck, HealthReport, build_health_report, render_json, render_markdown
from agents.incident.types import Incident, IncidentStatus
from agents.llm.narrative import Narrative
from foundation.clock import FixedClock
from foundation.errors import Unavailable
from guardrails.approvals.types import ApprovalRequest
from guardrails.redaction.engine import Redactor
from tests.fakes.chatting import CATALOG, INCIDENT, LINEAGE, NOW, FakeRunner, approval
from tests.fakes.diagnoses import DIAGNOSIS, EVIDENCE, piece
from tools.contract import Figure, Observation

REDACTOR = Redactor(b"a key for tests, 32 bytes long..")
TEMPLATE = Narrative(sentences=(), author="template")


def saw(summary: str, **figures: Figure) -> Observation:
    return Observation(status="success", summary=summary, figures=figures)


HEALTHY = {
    "freshness": saw("newest value is 1.0 min old", lag_seconds=60.0, sla_seconds=600.0),
    "job_history": saw("288 runs, none failed", failing=False, failures=0),
    "score_distribution": saw("declines as usual", requests=100, shifted=False),
    "latency_breakdown": saw("p99 11 ms", over_sla=False),
    "usage_cost": saw("44 USD a day", idle=False),
}


@dataclass
class Record:
    made_wall: float
    narration: Narrative | None = TEMPLATE
    diagnosis: Diagnosis = DIAGNOSIS


@dataclass
class Alert:
    received_wall: float


@dataclass
class FakeIncidents(ReadsIncidents):
    found: Sequence[Incident] = ()
    record: Record | None = None
    pieces: Sequence[Evidence] = EVIDENCE
    down: bool = False

    def list(self, *, statuses: Sequence[IncidentStatus] | None = None, limit: int = 100) -> list[Incident]:
        if self.down:
            raise Unavailable("database did not answer")
        return [*self.found]

    def alerts(self, incident_id: str) -> Sequence[Alert]:
        return [Alert(100.0), Alert(102.0)]

    def evidence(self, incident_id: str) -> Sequence[Evidence]:
        return self.pieces

    def diagnosis(self, incident_id: str) -> Diagnosed | None:
        return self.record


class FakeApprovals(ReadsApprovals):
    def __init__(self, *statuses: str) -> None:
        self._statuses = statuses

    def for_incident(self, incident_id: str) -> Sequence[ApprovalRequest]:
        return [approval().model_copy(update={"status": status}) for status in self._statuses]


@dataclass
class Tally:
    right: int
    wrong: int


class FakeFeedback(ReadsFeedback):
    def __init__(self, right: int, wrong: int) -> None:
        self._tally = Tally(right, wrong)

    def per_cause(self) -> Mapping[str, CauseTally]:
        return {"unit_change": self._tally}


@dataclass
class Verified:
    ok: bool = True
    entries: int = 42
    problem: str | None = None


def verified() -> AuditVerification:
    return Verified()


def report(**given: Any) -> HealthReport:
    arguments: dict[str, Any] = {
        "clock": FixedClock(NOW),
        "catalog": CATALOG,
        "lineage": LINEAGE,
        "runner": FakeRunner(HEALTHY),
        "incidents": FakeIncidents(found=[INCIDENT], record=Record(made_wall=103.5)),
        "approvals": FakeApprovals("approved"),
        "feedback": FakeFeedback(3, 0),
        "verify_audit": verified,
        "redact": REDACTOR.redact,
    }
    return build_health_report(**arguments | given)


def found(report: HealthReport, name: str) -> HealthCheck:
    return next(check for check in report.checks if check.name == name)


def test_a_healthy_platform_and_copilot() -> None:
    made = report()
    assert made.verdict == "ok"
    assert [section.name for section in made.sections] == ["Platform", "Agents", "Audit"]
    assert {check.subject for check in made.checks if check.name == "freshness"} == {
        "card_velocity of br",
        "card_velocity of ar",
    }
    assert found(made, "time to diagnosis").figures == {"median_seconds": 3.5, "worst_seconds": 3.5}
    assert found(made, "audit log").summary == "42 entries verified"
    assert found(made, "language model").status == "not_run"
    assert made.counts["failed"] == made.counts["attention"] == made.counts["harness_failed"] == 0


@pytest.mark.parametrize(
    ("tool", "answer", "status"),
    [
        ("freshness", saw("11 min old", lag_seconds=660.0, sla_seconds=600.0), "failed"),
        ("freshness", saw("9 min old", lag_seconds=540.0, sla_seconds=600.0), "attention"),
        ("freshness", saw("held", lag_seconds=60.0, sla_seconds=600.0, quarantined=True), "attention"),
        ("freshness", saw("no figures"), "harness_failed"),
        ("freshness", Observation(status="no_data", summary="no rows"), "not_run"),
        ("freshness", Observation(status="error", summary="no answer in 10 s"), "harness_failed"),
        ("job_history", saw("failing", failing=True, failures=3), "failed"),
        ("job_history", saw("one failed", failing=False, failures=1), "attention"),
        ("score_distribution", saw("moved", requests=100, shifted=True), "attention"),
        ("score_distribution", saw("none", requests=0, shifted=False), "not_run"),
        ("latency_breakdown", saw("slow", over_sla=True), "failed"),
        ("latency_breakdown", saw("no SLA", over_sla=None), "not_run"),
        ("usage_cost", saw("idle", idle=True), "attention"),
    ],
)
def test_each_finding_of_a_tool_has_its_status(tool: str, answer: Observation, status: str) -> None:
    names = {
        "job_history": "job",
        "score_distribution": "decisions",
        "latency_breakdown": "latency",
        "usage_cost": "cost",
    }
    made = report(runner=FakeRunner(HEALTHY | {tool: answer}))
    assert found(made, names.get(tool, tool)).status == status
    expected = {"failed": "failed", "attention": "attention", "harness_failed": "incomplete", "not_run": "ok"}
    assert made.verdict == expected[status]


@pytest.mark.parametrize(
    ("given", "name", "status"),
    [
        ({"incidents": FakeIncidents()}, "incidents", "ok"),
        ({"incidents": FakeIncidents()}, "verdicts", "not_run"),
        ({"incidents": FakeIncidents()}, "tools", "not_run"),
        ({"incidents": FakeIncidents(found=[INCIDENT])}, "verdicts", "failed"),
        ({"incidents": FakeIncidents(found=[INCIDENT], record=Record(109.0))}, "time to diagnosis", "attention"),
        ({"approvals": FakeApprovals()}, "approvals", "not_run"),
        ({"approvals": FakeApprovals("approved", "expired")}, "approvals", "attention"),
        ({"feedback": FakeFeedback(0, 0)}, "engineers' verdicts", "not_run"),
        ({"feedback": FakeFeedback(2, 2)}, "engineers' verdicts", "attention"),
        ({"feedback": None}, "engineers' verdicts", "not_run"),
        ({"verify_audit": lambda: Verified(ok=False, problem="entry 7 changed")}, "audit log", "failed"),
        ({"verify_audit": lambda: Verified(entries=0)}, "audit log", "not_run"),
        ({"verify_audit": None}, "audit log", "not_run"),
        ({"runner": None}, "platform", "not_run"),
    ],
)
def test_each_finding_about_the_copilot_has_its_status(given: dict[str, Any], name: str, status: str) -> None:
    assert found(report(**given), name).status == status


def test_an_incident_that_failed_or_is_stuck_is_named() -> None:
    failed = INCIDENT.model_copy(update={"status": "resolved", "outcome": "failed"})
    stuck = INCIDENT.model_copy(update={"opened_at": NOW - timedelta(days=2)})
    assert found(report(incidents=FakeIncidents(found=[failed], record=Record(101.0))), "incidents").status == "failed"
    check = found(report(incidents=FakeIncidents(found=[stuck], record=Record(101.0))), "incidents")
    assert (check.status, check.summary) == ("attention", "1 awaiting_approval; open for a day: INC-0001")


def test_a_provider_that_is_down_is_not_booked_as_wrong_answers() -> None:
    told = Narrative(sentences=(), author="template", note="language model not used: it did not answer")
    made = report(incidents=FakeIncidents(found=[INCIDENT], record=Record(101.0, narration=told)))
    assert found(made, "language model").status == "attention"
    assert found(made, "verdicts").status == "ok"


def test_failing_tools_are_counted() -> None:
    pieces = [*EVIDENCE, piece(9, "parity", "no answer", status="error")]
    check = found(report(incidents=FakeIncidents([INCIDENT], Record(101.0), pieces)), "tools")
    assert (check.status, check.summary) == ("attention", "1 of 5 runs failed: parity 1 of 1")


def test_a_store_that_is_down_breaks_its_checks_and_not_the_report() -> None:
    def broken() -> AuditVerification:
        raise OSError("disk")

    made = report(incidents=FakeIncidents(down=True), verify_audit=broken)
    assert found(made, "agents").status == "harness_failed"
    assert found(made, "audit").summary == "broke off: OSError"
    assert made.verdict == "incomplete"
    assert "CHECK BROKE" in render_markdown(made)


def test_texts_of_tools_are_redacted_and_cannot_break_out_of_their_cell() -> None:
    nasty = saw("row of ana@example.com | ![x](http://evil)\n# heading", failing=True, last_error="ana@example.com")
    made = report(runner=FakeRunner(HEALTHY | {"job_history": nasty}))
    markdown = render_markdown(made)
    assert "ana@" not in markdown + str(render_json(made))
    assert r"\| !\[x\](http://evil) # heading" in markdown


def test_rendering_says_how_much_ran() -> None:
    made = report(runner=None)
    assert render_json(made)["counts"]["not_run"] == 2
    assert render_markdown(made).startswith(
        "# Health report, 2026-11-19 05:51 UTC: incomplete\n\n7 of 9 checks ran: 7 ok"
    )
