"""One prediction, from a validated request to a decision."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from time import perf_counter

import numpy as np
import numpy.typing as npt

from foundation.clock import Clock
from foundation.errors import InvalidInput, Unavailable, VigiaError
from platform_core.serving.endpoints import ServedEndpoint
from platform_core.serving.metrics import ServingMetrics
from platform_core.serving.ports import FeatureRetriever
from platform_core.serving.prediction_log_rows import PredictionErrorRow, PredictionRow
from platform_core.serving.rollout import Variant, choose, logged
from platform_core.serving.types import Attributions, Prediction, PredictionRequest
from platform_core.training.scoring import LoadedModel


class Scorer:
    """Blocking: it waits for the online store. `log` takes a row and returns at once."""

    def __init__(
        self,
        retriever: FeatureRetriever,
        clock: Clock,
        metrics: ServingMetrics,
        log: Callable[[PredictionRow | PredictionErrorRow], None],
    ) -> None:
        self._retriever = retriever
        self._clock = clock
        self._metrics = metrics
        self._log = log

    def predict(self, endpoint: ServedEndpoint, request: PredictionRequest, started: float) -> Prediction:
        """`started` is when the request was read, by `perf_counter`.

        Raises InvalidInput for a request that does not bring what the model reads, Unavailable when the online store
        does not answer or the endpoint is scaled to zero.
        """
        spec = endpoint.spec
        if spec.replicas == 0:
            raise Unavailable(f"endpoint {endpoint.name!r} is scaled to zero", hint="scale it up to serve again")
        _check(endpoint, request)
        # Sticky by the entity that the service reads first: the card. A service that reads none is split by request.
        entity = request.entities[endpoint.entities[0]] if endpoint.entities else None
        chosen = (
            choose(endpoint.name, spec, entity or request.request_id) if endpoint.canary is not None else "champion"
        )
        model = endpoint.canary if chosen == "canary" and endpoint.canary is not None else endpoint.champion
        try:
            return self._answer(endpoint, request, started, model=model, chosen=chosen, entity=entity)
        except VigiaError as error:
            row = PredictionErrorRow(
                ts=self._clock.now(),
                endpoint=endpoint.name,
                tenant=endpoint.tenant,
                model_version=model.version.version,
                variant=chosen,
                code=error.code,
                latency_ms=(perf_counter() - started) * 1000,
                request_id=request.request_id,
                entity=entity,
            )
            self._log(row)
            raise

    def _answer(
        self,
        endpoint: ServedEndpoint,
        request: PredictionRequest,
        started: float,
        *,
        model: LoadedModel,
        chosen: Variant,
        entity: str | None,
    ) -> Prediction:
        spec = endpoint.spec
        reading = perf_counter()
        online = self._retriever.features(spec.feature_service, endpoint.tenant, request.entities)
        read = perf_counter()
        vector = model.vector({**online.values, **request.inputs})
        score = float(model.score(vector)[0])
        scored = perf_counter()
        declined = score >= spec.decline_threshold
        prediction = Prediction(
            request_id=request.request_id,
            endpoint=endpoint.name,
            model_version=model.version.version,
            variant=chosen,
            score=score,
            decision="decline" if declined else "approve",
            degraded=list(online.degraded),
            attributions=_attributions(model, vector) if request.attributions else None,
        )
        latency = perf_counter() - started
        if logged(spec, request.request_id):
            row = PredictionRow(
                ts=self._clock.now(),
                endpoint=endpoint.name,
                tenant=endpoint.tenant,
                model_version=prediction.model_version,
                variant=chosen,
                score=score,
                declined=declined,
                amount=request.inputs.get("amount"),
                latency_ms=latency * 1000,
                store_ms=(read - reading) * 1000,
                model_ms=(scored - read) * 1000,
                degraded=len(prediction.degraded),
                request_id=request.request_id,
                entity=entity,
                features=vector.tobytes(),
                model=model,
                shadows=[shadow for shadow in endpoint.shadows if shadow is not model],
                logged_share=spec.prediction_log_share,
            )
            self._log(row)
        self._metrics.online_read.observe(read - reading)
        self._metrics.latency.labels(endpoint.name).observe(latency)
        self._metrics.predictions.labels(endpoint.name, prediction.model_version, prediction.decision).inc()
        return prediction


def _attributions(model: LoadedModel, vector: npt.NDArray[np.float64]) -> Attributions:
    *values, base = model.attributions(vector)[0].tolist()
    names = (feature.name for feature in model.version.signature.features)
    return Attributions(base=base, features=dict(zip(names, values, strict=True)))


def _check(endpoint: ServedEndpoint, request: PredictionRequest) -> None:
    missing = [f"entities.{name}" for name in endpoint.entities if not request.entities.get(name)]
    missing += sorted(f"inputs.{name}" for name in endpoint.inputs - request.inputs.keys())
    if missing:
        raise InvalidInput(
            f"the request lacks {', '.join(missing)}",
            hint=f"{endpoint.name} reads entities {', '.join(endpoint.entities)}; "
            f"inputs {', '.join(sorted(endpoint.inputs))}",
        )
    for name, value in request.inputs.items():
        if not isfinite(value):
            raise InvalidInput(f"inputs.{name} is {value!r}", hint="send a finite number")
    unknown = sorted(request.inputs.keys() - endpoint.inputs)
    if unknown:
        raise InvalidInput(
            f"{endpoint.name} does not read inputs.{unknown[0]}", hint=f"it reads {', '.join(sorted(endpoint.inputs))}"
        )
