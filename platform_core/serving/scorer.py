"""From features to answers: which model, the score, the decision; and what is answered without features."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from foundation.errors import Unavailable, VigiaError
from platform_core.serving.answers import RULES, Answer, Timing
from platform_core.serving.endpoints import ServedEndpoint
from platform_core.serving.found import RowFeatures, default_row, row_features
from platform_core.serving.ports import FeatureRows, FeatureSource
from platform_core.serving.questions import Question, Row
from platform_core.serving.recording import Recorder, chosen_model
from platform_core.serving.remembered import Remembered
from platform_core.serving.rollout import Variant
from platform_core.training.scoring import LoadedModel

_About = tuple[str, str, str, tuple[str, ...]]
"""Endpoint, tenant, feature service, features."""


_logger = logging.getLogger(__name__)


class ModelFailed(VigiaError):
    """The version that was chosen could not score the row: that is the version's error, and counted as such."""

    code: ClassVar[str] = "model_failed"
    http_status: ClassVar[int] = 500


class Scorer:
    """Everything between reading the request and writing the answer that does not wait."""

    def __init__(self, features: FeatureSource, recorder: Recorder) -> None:
        self.features = features
        self.recorder = recorder
        self._remembered: dict[_About, Remembered] = {}

    def score(self, served: ServedEndpoint, asked: Question, found: FeatureRows, timing: Timing) -> list[Answer]:
        """By the features that were read; they are remembered where the endpoint may fall back on them."""
        names, policy = served.shape.features, served.spec.serving
        defaults = policy.default_features
        if found.whole is not None:
            rows = [RowFeatures(found.whole)] * len(asked.rows)
        else:
            read = zip(zip(*found.values, strict=True), zip(*found.statuses, strict=True), strict=True)
            rows = [row_features(values, statuses, names, defaults) for values, statuses in read]
        if "last_known_good" in policy.fallback:
            memory = self._memory(served)
            for row, features in zip(asked.rows, rows, strict=True):
                memory.keep(row.keys, features)
        return self._answers(served, asked, rows, timing)

    def fall_back(self, served: ServedEndpoint, asked: Question, error: Unavailable, timing: Timing) -> list[Answer]:
        """Without features, as the endpoint declares it. Raises `error` when nothing that it declares holds."""
        rows: list[RowFeatures] = []
        for row in asked.rows:
            features = self._stand_in(served, row)
            if features is None:
                raise error
            rows.append(features)
        return self._answers(served, asked, rows, timing)

    def _stand_in(self, served: ServedEndpoint, row: Row) -> RowFeatures | None:
        policy, names = served.spec.serving, served.shape.features
        for kind in policy.fallback:
            if kind == "last_known_good":
                remembered = self._memory(served).recall(row.keys, policy.last_known_good_seconds)
                if remembered is not None:
                    return remembered
            elif kind == "default_features":
                return default_row(names, policy.default_features)
            elif (score := rule_score(served, row)) is not None:
                return RowFeatures((), missing=names, fallback="rules", score=score)
        return None

    def _answers(
        self, served: ServedEndpoint, asked: Question, rows: Sequence[RowFeatures], timing: Timing
    ) -> list[Answer]:
        timing.model_at = started = perf_counter()
        threshold = served.spec.decline_threshold
        try:
            if len(rows) == 1:
                answers = [self._one(served, asked.rows[0], rows[0], threshold, explain=asked.attributions)]
            else:
                answers = self._many(served, asked, rows, threshold)
        except VigiaError:
            raise
        except Exception as error:
            _logger.exception("%s: the model could not score", served.name)
            raise ModelFailed(
                f"the model of {served.name} could not score this", hint="see the server's log"
            ) from error
        timing.model = perf_counter() - started
        return answers

    def _one(
        self, served: ServedEndpoint, row: Row, features: RowFeatures, threshold: float, *, explain: bool
    ) -> Answer:
        chosen, model = chosen_model(served, row)
        if features.score is not None:
            return _by_rules(served, row, features, chosen, features.score)
        order = served.orders[model.version.version]
        numbers = (*features.values, *row.inputs)
        vector = np.array(numbers if order is None else [numbers[place] for place in order], dtype=np.float64)
        score = model.score_one(vector)
        answer = Answer(
            row, features, chosen, model.version.version, score, score >= threshold, model, vector.tobytes()
        )
        if explain:
            answer.attributions = attributions(model, vector.reshape(1, -1))[0]
        return answer

    def _many(
        self, served: ServedEndpoint, asked: Question, rows: Sequence[RowFeatures], threshold: float
    ) -> list[Answer]:
        answers: list[Answer | None] = [None] * len(rows)
        groups: dict[Variant, tuple[LoadedModel, list[int]]] = {}
        for place, (row, features) in enumerate(zip(asked.rows, rows, strict=True)):
            chosen, model = chosen_model(served, row)
            if features.score is not None:
                answers[place] = _by_rules(served, row, features, chosen, features.score)
            else:
                groups.setdefault(chosen, (model, []))[1].append(place)
        for chosen, (model, places) in groups.items():
            numbers = [(*rows[place].values, *asked.rows[place].inputs) for place in places]
            matrix = np.array(numbers, dtype=np.float64)
            order = served.orders[model.version.version]
            if order is not None:
                matrix = np.ascontiguousarray(matrix[:, order])
            scores = model.score(matrix).tolist()
            why = attributions(model, matrix) if asked.attributions else [None] * len(places)
            version = model.version.version
            for place, vector, score, reasons in zip(places, matrix, scores, why, strict=True):
                answers[place] = Answer(
                    asked.rows[place],
                    rows[place],
                    chosen,
                    version,
                    score,
                    score >= threshold,
                    model,
                    vector.tobytes(),
                    reasons,
                )
        return [answer for answer in answers if answer is not None]

    def _memory(self, served: ServedEndpoint) -> Remembered:
        """Of exactly what is read now: what another tenant's, or another service's, columns held is nobody's memory."""
        about = served.name, served.tenant, served.spec.feature_service, served.shape.features
        memory = self._remembered.get(about)
        if memory is None:
            for other in [each for each in tuple(self._remembered) if each[0] == served.name]:
                self._remembered.pop(other, None)  # the endpoint was that once
            memory = self._remembered[about] = Remembered()
        return memory

    def forget(self, served: Collection[str]) -> None:
        """Everything that is remembered for endpoints that are not among `served` any more."""
        for about in [each for each in tuple(self._remembered) if each[0] not in served]:
            self._remembered.pop(about, None)


def check_scaled(served: ServedEndpoint) -> None:
    """Raises Unavailable for an endpoint without replicas."""
    if served.spec.replicas == 0:
        raise Unavailable(f"endpoint {served.name!r} is scaled to zero", hint="scale it up to serve again")


def rule_score(served: ServedEndpoint, row: Row) -> float | None:
    """What the endpoint's rules say of a row; None when they say nothing."""
    policy = served.spec.serving
    for rule in policy.rules:
        if row.inputs[served.shape.inputs.index(rule.input)] >= rule.at_least:
            return rule.score
    return policy.rules_score


def _by_rules(served: ServedEndpoint, row: Row, features: RowFeatures, chosen: Variant, score: float) -> Answer:
    return Answer(row, features, chosen, RULES, score, score >= served.spec.decline_threshold)


def attributions(model: LoadedModel, rows: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    """Of each row, as `Attributions` has them."""
    names = [feature.name for feature in model.version.signature.features]
    return [
        {"base": base, "features": dict(zip(names, values, strict=True))}
        for *values, base in model.attributions(rows).tolist()
    ]
