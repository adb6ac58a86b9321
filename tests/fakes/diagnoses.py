"""A diagnosis with its evidence, as the unit change of a payments source leaves it."""

from __future__ import annotations

from datetime import UTC, datetime

from agents.diagnosis.types import Diagnosis, Finding, Hypothesis
from agents.evidence import Evidence
from foundation.canonical import digest
from tools.contract import Observation, ObservationStatus


def piece(
    number: int,
    tool: str,
    summary: str,
    *,
    status: ObservationStatus = "success",
    figures: dict[str, float | str | bool | None] | None = None,
    note: str | None = None,
) -> Evidence:
    """Evidence `E<number>`."""
    return Evidence(
        id=f"E{number}",
        incident_id="inc_1",
        tool=tool,
        arguments={"source": "payments_br"},
        observation=Observation(status=status, summary=summary, figures=dict(figures or {}), note=note),
        digest=digest([tool, summary]),
        collected_at=datetime(2026, 11, 19, 5, 51, tzinfo=UTC),
        wall_ms=12.5,
    )


EVIDENCE = (
    piece(1, "column_profile", "p50 of amount rose from 84.10 to 8410.55",
          figures={"p50_ratio": 100.006, "psi": 3.412}),
    piece(2, "changes", "deploy ingest-br 4.7.0 at 2026-11-19T05:40:00+00:00 by ana.souza@payco.example",
          figures={"minutes_before": 11}),
    piece(3, "segment_compare", "payments_ar, payments_mx, payments_co unchanged", figures={"ratio_payments_ar": 1.01}),
    piece(4, "decline_rate", "fraud-br declines 9.4 %", figures={"decline_rate": 0.0941, "usual": 0.0112}),
)  # fmt: skip

DIAGNOSIS = Diagnosis(
    verdict="cause",
    ranked=(
        Hypothesis(
            cause="unit_change",
            title="payments_br.amount changed unit (x100) after deploy ingest-br 4.7.0",
            confidence=0.94,
            supporting=(
                Finding(text="p50(amount) rose x100.0 after the deploy", evidence_ids=("E1", "E2"), weight=3.0),
                Finding(text="only payments_br moved", evidence_ids=("E3",), weight=1.5),
            ),
            refuting=(),
            not_checked=("upstream schema registry: no credentials for it",),
            facts={"source": "payments_br", "tenant": "br", "since": "2026-11-19T05:40:00+00:00"},
        ),
    ),
    ruled_out=(
        Hypothesis(
            cause="population_shift",
            title="buyers of payments_br really spend more",
            confidence=0.02,
            supporting=(),
            refuting=(Finding(text="No campaign was announced", evidence_ids=("E2",), weight=-2.0),),
            not_checked=(),
            facts={},
        ),
    ),
)
