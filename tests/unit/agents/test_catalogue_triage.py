"""The real triage over a platform in memory: probes, causes and plans as the worker uses them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from agents.evidence import Evidence
from agents.incident.triage import CatalogueTriage
from agents.incident.types import CauseRecord
from foundation.errors import Conflict
from platform_core.monitoring.alert import Alert
from platform_core.urn import urn
from tests.fakes.observed_platform import ONSET, ObservedPlatform, observed_platform
from tools.act import actions
from tools.registry import observe_tools
from tools.runner import ToolRun, ToolRunner


def in_cents(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("amount")
    return rows.set_column(place, "amount", pc.multiply(rows["amount"], 100.0))


@pytest.fixture
def platform() -> ObservedPlatform:
    platform = observed_platform()
    platform.deploy("br", "4.7.0")
    platform.plant("br", in_cents)
    return platform


def triage_of(platform: ObservedPlatform, verdicts: dict[str, CauseRecord] | None = None) -> CatalogueTriage:
    runner = ToolRunner(platform.view, observe_tools())
    planners = actions(platform.resources, None, platform.view)
    return CatalogueTriage(platform.view, runner, planners, verdicts=lambda: verdicts or {})


def drift(subject: str = urn("source", "payments_br")) -> Alert:
    return Alert(
        source="test",
        fingerprint="f",
        starts_at=ONSET,
        kind="drift",
        subject=subject,
        tenant="br",
        summary="PSI of amount is 8.1",
        labels={"column": "amount"},
    )


def numbered(runs: Sequence[ToolRun], platform: ObservedPlatform) -> list[Evidence]:
    return [
        Evidence(id=f"E{n}", incident_id="inc_1", collected_at=platform.clock.now(), **run.model_dump())
        for n, run in enumerate(runs, 1)
    ]


def test_from_an_alert_to_a_planned_action_and_its_undo(platform: ObservedPlatform) -> None:
    triage = triage_of(platform)
    diagnosis = triage.diagnose([drift()], numbered(triage.gather([drift()]), platform))
    assert diagnosis.top is not None
    assert (diagnosis.verdict, diagnosis.top.cause) == ("cause", "unit_change")

    # As the flow does it: from what was stored, not from what was in memory.
    stored = type(diagnosis).model_validate_json(diagnosis.model_dump_json())
    proposal = triage.propose(stored, "inc_1")
    assert proposal is not None
    assert (proposal.tool, proposal.tenant) == ("quarantine_source", "br")
    assert proposal.digest_holds()
    assert proposal.evidence_ids

    with pytest.raises(Conflict):
        triage.compensate(proposal)  # nothing was quarantined, so there is nothing to release


def test_an_alert_about_something_unknown_does_not_stop_the_others(platform: ObservedPlatform) -> None:
    triage = triage_of(platform)
    strange = drift("urn:vigia:source:nowhere").model_copy(update={"fingerprint": "g"})
    foreign = drift("host:db-7").model_copy(update={"fingerprint": "h"})
    assert triage.gather([strange, foreign]) == []
    assert len(triage.gather([strange, foreign, drift()])) == len(triage.gather([drift()]))
    assert triage.diagnose([foreign], []).verdict == "inconclusive"


def test_what_engineers_said_moves_the_belief(platform: ObservedPlatform) -> None:
    plain, doubted = triage_of(platform), triage_of(platform, {"unit_change": CauseRecord(wrong=9)})
    evidence = numbered(plain.gather([drift()]), platform)
    before, after = plain.diagnose([drift()], evidence).top, doubted.diagnose([drift()], evidence).top
    assert before is not None
    assert after is not None
    assert after.confidence <= before.confidence
