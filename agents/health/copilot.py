"""Checks of the agents themselves: what came of incidents, how fast and how right, which tools fail, who decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from agents.evidence import Evidence
from agents.health.ports import AuditVerification, CauseTally, Diagnosed, ReadsApprovals, ReadsIncidents
from agents.health.types import CheckStatus, HealthCheck
from agents.incident.types import Incident
from guardrails.approvals.break_glass import BrokenGlass

_STUCK_AFTER = timedelta(hours=24)
_SLOW_SECONDS = 5.0
"""Wall seconds from alert to diagnosis that the copilot is held to."""

_UNSURE_SHARE = 0.5
_WRONG_SHARE = 0.3
_ERROR_ATTENTION, _ERROR_FAILED = 0.1, 0.5
_FEWEST = 4
"""Shares over fewer cases than this say nothing."""


def incident_check(found: Sequence[Incident], end: datetime) -> HealthCheck:
    """Incidents by outcome; one that ended in failure, or has been open for a day, is the agent's own problem."""
    outcomes = Counter(i.outcome or i.status for i in found)
    failed = [i.label for i in found if i.outcome == "failed"]
    stuck = [i.label for i in found if i.status != "resolved" and end - i.opened_at > _STUCK_AFTER]
    said = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.most_common()) or "no incident"
    if failed:
        return _check("incidents", "failed", f"{said}; failed: {', '.join(failed)}", outcomes)
    if stuck:
        return _check("incidents", "attention", f"{said}; open for a day: {', '.join(stuck)}", outcomes)
    return _check("incidents", "ok", said, outcomes)


def diagnosis_checks(found: Sequence[Incident], incidents: ReadsIncidents) -> Iterator[HealthCheck]:
    """Verdicts, time to diagnosis on the wall, and how often a language model could not be used."""
    records = {i.id: incidents.diagnosis(i.id) for i in found}
    made = [record for record in records.values() if record is not None]
    missing = [i.label for i in found if records[i.id] is None and i.status not in ("open", "investigating")]
    verdicts = Counter(record.diagnosis.verdict for record in made)
    said = ", ".join(f"{n} {verdict}" for verdict, n in verdicts.most_common()) or "nothing was diagnosed"
    if missing:
        yield _check("verdicts", "failed", f"{said}; ended without a diagnosis: {', '.join(missing)}", verdicts)
    else:
        unsure = len(made) >= _FEWEST and verdicts["inconclusive"] / len(made) > _UNSURE_SHARE
        status: CheckStatus = "not_run" if not made else "attention" if unsure else "ok"
        yield _check("verdicts", status, said, verdicts)
    yield _speed([s for i in found if (s := _seconds(incidents, i.id, records[i.id])) is not None])
    yield _prose(made)


def feedback_check(tallies: Mapping[str, CauseTally]) -> HealthCheck:
    """Diagnoses that engineers called right and wrong, over all time."""
    right = sum(tally.right for tally in tallies.values())
    wrong = sum(tally.wrong for tally in tallies.values())
    figures = {"right": right, "wrong": wrong}
    if not right + wrong:
        return _check("engineers' verdicts", "not_run", "no engineer has judged a diagnosis yet", figures)
    bad = right + wrong >= _FEWEST and wrong / (right + wrong) > _WRONG_SHARE
    return _check("engineers' verdicts", "attention" if bad else "ok", f"{right} right, {wrong} wrong", figures)


def tool_check(evidence: Sequence[Evidence]) -> HealthCheck:
    """Share of tool runs that failed, by tool, from the evidence of the period."""
    runs = Counter(piece.tool for piece in evidence)
    errors = Counter(piece.tool for piece in evidence if piece.observation.status == "error")
    if not runs:
        return _check("tools", "not_run", "no tool was run in an investigation", {})
    rate = errors.total() / runs.total()
    worst = ", ".join(f"{tool} {n} of {runs[tool]}" for tool, n in errors.most_common(3))
    said = f"{errors.total()} of {runs.total()} runs failed" + (f": {worst}" if worst else "")
    status: CheckStatus = "failed" if rate > _ERROR_FAILED else "attention" if rate > _ERROR_ATTENTION else "ok"
    return _check("tools", status, said, {"runs": runs.total(), "errors": errors.total(), "error_rate": round(rate, 4)})


def approval_check(found: Sequence[Incident], approvals: ReadsApprovals) -> HealthCheck:
    """What people decided. An expired request is one that nobody answered in time."""
    statuses = Counter(request.status for i in found for request in approvals.for_incident(i.id))
    said = ", ".join(f"{n} {status}" for status, n in statuses.most_common()) or "no approval was asked for"
    status: CheckStatus = "not_run" if not statuses else "attention" if statuses["expired"] else "ok"
    return _check("approvals", status, said, statuses)


def glass_check(unreviewed: Sequence[BrokenGlass]) -> HealthCheck:
    """Broken glass that nobody has reviewed yet, whether it still holds or not."""
    if not unreviewed:
        return _check("broken glass", "ok", "none waits for its review", {"unreviewed": 0})
    said = ", ".join(f"{one.id} by {one.opened_by} at {one.opened_at:%d %b %H:%M}" for one in unreviewed)
    return _check("broken glass", "attention", f"waits for its review: {said}", {"unreviewed": len(unreviewed)})


def audit_check(verify: Callable[[], AuditVerification]) -> HealthCheck:
    """The whole audit log, read and hashed again."""
    report = verify()
    if not report.ok:
        return _check("audit log", "failed", f"does not verify: {report.problem}", {"entries": report.entries})
    if not report.entries:
        return _check("audit log", "not_run", "the log is empty", {"entries": 0})
    return _check("audit log", "ok", f"{report.entries} entries verified", {"entries": report.entries})


def _speed(seconds: Sequence[float]) -> HealthCheck:
    if not seconds:
        return _check("time to diagnosis", "not_run", "nothing was diagnosed", {})
    middle, worst = median(seconds), max(seconds)
    figures = {"median_seconds": round(middle, 2), "worst_seconds": round(worst, 2)}
    status: CheckStatus = "attention" if middle > _SLOW_SECONDS else "ok"
    return _check("time to diagnosis", status, f"median {middle:.1f} s, worst {worst:.1f} s from the alert", figures)


def _prose(made: Sequence[Diagnosed]) -> HealthCheck:
    told = [record.narration for record in made if record.narration is not None]
    by_model = sum(narration.author != "template" for narration in told)
    fell_back = sum((narration.note or "").startswith("language model not used") for narration in told)
    figures = {"by_model": by_model, "fell_back": fell_back}
    if not by_model + fell_back:
        return _check("language model", "not_run", "no language model was asked", figures)
    said = f"{by_model} narratives written, {fell_back} times it could not be used and the template stood in"
    return _check("language model", "attention" if fell_back else "ok", said, figures)


def _seconds(incidents: ReadsIncidents, incident_id: str, record: Diagnosed | None) -> float | None:
    if record is None:
        return None
    first = min((alert.received_wall for alert in incidents.alerts(incident_id)), default=None)
    return None if first is None or record.made_wall < first else record.made_wall - first


def _check(name: str, status: CheckStatus, summary: str, figures: Mapping[str, int | float]) -> HealthCheck:
    return HealthCheck(name=name, subject="copilot", status=status, summary=summary, figures=dict(figures))
