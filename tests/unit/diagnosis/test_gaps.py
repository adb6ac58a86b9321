"""What could not be checked, as people read it."""

from __future__ import annotations

from agents.diagnosis.case import Case
from agents.diagnosis.causes import causes
from agents.diagnosis.weighing import weigh
from tests.fakes.evidence_sets import PATCHES, evidence, page


def test_what_was_not_checked_is_one_short_line_a_probe() -> None:
    """Several signs of one probe are one gap, without its query; what did not apply is none."""
    empty = evidence(PATCHES["source_stopped"])
    said = "payments_br against urn:vigia:endpoint:fraud-br: 0 rows are too few to compare"
    pieces = [
        e.model_copy(
            update={
                "observation": e.observation.model_copy(update={"status": "no_data", "figures": {}, "summary": said})
            }
        )
        if e.tool == "request_agreement"
        else e
        for e in empty
    ]
    weighed = weigh(causes()["unit_change"], Case.of(page("unit_change"), pieces))
    assert weighed.not_checked == ("payments_br against fraud-br: 0 rows are too few to compare",)
