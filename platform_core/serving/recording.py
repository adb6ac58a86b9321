"""What is kept of a request once it is answered: counts and the prediction log. Not in the request's way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from foundation.clock import Clock
from foundation.errors import VigiaError
from platform_core.serving.answers import Answer, Timing
from platform_core.serving.endpoints import ServedEndpoint
from platform_core.serving.metrics import ServingMetrics
from platform_core.serving.prediction_log_rows import PredictionErrorRow, PredictionRow
from platform_core.serving.questions import Question, Row
from platform_core.serving.rollout import Variant, choose, logged
from platform_core.training.scoring import LoadedModel

Log = Callable[[PredictionRow | PredictionErrorRow], None]
"""Takes a row and returns at once."""


class Recorder:
    def __init__(self, clock: Clock, metrics: ServingMetrics, log: Log) -> None:
        self._clock = clock
        self._log = log
        self.metrics = metrics

    def answered(self, served: ServedEndpoint, answers: Sequence[Answer], timing: Timing, latency: float) -> None:
        """`latency`: from the request read to the answer written, in seconds of the wall."""
        meters = self.metrics.of(served.name)
        meters.answered(latency, timing.store)
        now, spec, amount_at = self._clock.now(), served.spec, served.shape.amount_at
        for answer in answers:
            row, features = answer.row, answer.features
            meters.predicted(answer.version, answer.declined)
            if features.missing or features.expired or features.fallback:
                meters.degraded(features)
            if not logged(spec, row.request_id):
                continue
            self._log(
                PredictionRow(
                    now,
                    served.name,
                    served.tenant,
                    answer.version,
                    answer.variant,
                    answer.score,
                    answer.declined,
                    None if amount_at is None else row.inputs[amount_at],
                    latency * 1000,
                    timing.store * 1000,
                    timing.model * 1000,
                    len(features.missing) + len(features.expired),
                    row.request_id,
                    row.keys[0] if row.keys else None,
                    answer.vector,
                    answer.model,
                    [shadow for shadow in served.shadows if shadow is not answer.model] if served.shadows else (),
                    spec.prediction_log_share,
                    features.fallback,
                )
            )

    def failed(self, served: ServedEndpoint, asked: Question, error: VigiaError, latency: float) -> None:
        """After the version was chosen: so a version that fails is told from one that answers."""
        self.metrics.of(served.name).failed(error.code)
        now = self._clock.now()
        for row in asked.rows:
            variant, model = chosen_model(served, row)
            self._log(
                PredictionErrorRow(
                    now,
                    served.name,
                    served.tenant,
                    model.version.version,
                    variant,
                    error.code,
                    latency * 1000,
                    row.request_id,
                    row.keys[0] if row.keys else None,
                )
            )


def chosen_model(served: ServedEndpoint, row: Row) -> tuple[Variant, LoadedModel]:
    """Sticky by the entity that the service reads first: the card. A service that reads none is split by request."""
    canary = served.canary
    if canary is None:
        return "champion", served.champion
    chosen = choose(served.name, served.spec, row.keys[0] if row.keys else row.request_id)
    return chosen, canary if chosen == "canary" else served.champion
