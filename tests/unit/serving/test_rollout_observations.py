"""What of the log guards count: the first request of an entity in an hour, and no answer by fallback."""

from __future__ import annotations

from datetime import timedelta

from platform_core.serving.prediction_log import DeltaPredictionLog, PredictionErrorRow, PredictionRow, PredictionWriter
from platform_core.serving.rollouts.observations import Reader
from tests.conftest import NIGHT
from tests.fakes.offline_store import FakeOfflineStore


def answer(second: int, card: str, latency: float, fallback: str | None = None) -> PredictionRow:
    ts = NIGHT + timedelta(seconds=second)
    more = {"entity": card, "fallback": fallback}
    return PredictionRow(ts, "e", "br", "2", "canary", 0.1, False, 9.0, latency, 1.0, 0.1, 0, **more)  # type: ignore[arg-type]


def error(second: int, card: str) -> PredictionErrorRow:
    ts = NIGHT + timedelta(seconds=second)
    return PredictionErrorRow(ts, "e", "br", "2", "canary", "unavailable", 900.0, "r", card)


def test_bursts_and_fallbacks_are_no_evidence_of_latency_or_errors() -> None:
    offline = FakeOfflineStore()
    writer = PredictionWriter(offline, pseudonym=str)
    for n in range(50):
        writer.write(answer(n, "burst", 10.0 if n == 0 else 999.0))
        writer.write(answer(n, f"late-{n}", 999.0, "default_features"))
        writer.write(error(n, "failing"))
        writer.write(error(n, "burst"))
    writer.write(answer(51, "failing", 999.0))
    writer.write(answer(52, "late-1", 20.0))
    writer.write(answer(3700, "failing", 30.0))
    assert writer.flush()
    reader = Reader(DeltaPredictionLog(offline), "e", "2", "1", NIGHT)
    found = [scored for scored in reader.until(NIGHT + timedelta(hours=2)) if scored.arm == "candidate"]
    (candidate,) = found
    assert sorted(candidate.latency_ms.tolist()) == [10.0, 20.0, 30.0]
    assert (candidate.answers, candidate.errors, len(candidate.score)) == (3, 1, 3)
