"""The spans of a prediction that is traced: the request, and in it the features, the score and the answer.

The request's follows the conventions for HTTP servers: a refusal is no error of ours unless it is a 5xx. The others are
told once all is over, out of the times that are taken anyway, so that a request which is not traced pays nothing.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from foundation.errors import VigiaError
from foundation.telemetry import semconv
from foundation.telemetry.http import remote_parent
from foundation.telemetry.traces import mark_failed, past_span, server_span, set_attributes
from platform_core.serving.answers import Answer, Timing
from platform_core.serving.endpoints import ServedEndpoint

_ROUTE = "/v1/predict/{endpoint}"


def request_span(served: ServedEndpoint, scope: MutableMapping[str, Any]) -> AbstractContextManager[Any]:
    about = {
        semconv.HTTP_METHOD: "POST",
        semconv.HTTP_ROUTE: _ROUTE,
        semconv.URL_SCHEME: scope.get("scheme", "http"),
        semconv.ENDPOINT: served.name,
        semconv.TENANT: served.tenant,
    }
    return server_span(f"{semconv.SCORE} {served.name}", remote_parent(scope["headers"]), **about)


def describe(
    current: Any, served: ServedEndpoint, told: Sequence[Answer] | VigiaError, timing: Timing, store: str | None
) -> None:
    """`told`: what was answered, or why nothing was; nothing at all to who went away before asking. `store`: what the
    online store is, as the conventions call it."""
    if not current.is_recording():
        return
    if isinstance(told, VigiaError):
        set_attributes(current, **{semconv.HTTP_STATUS: told.http_status})
        if told.http_status >= 500:
            mark_failed(current, told)
    elif told:
        spent = {"vigia.store_ms": timing.store * 1000, "vigia.model_ms": timing.model * 1000}
        set_attributes(current, **{semconv.HTTP_STATUS: 200, semconv.ROWS: len(told)}, **spent)
    answers = () if isinstance(told, VigiaError) else told
    _features(served, answers, timing, store)
    if timing.model_at:
        _score(served, answers, timing)
    if timing.answer_at:
        past_span(semconv.ANSWER, timing.answer_at, timing.answer, **{semconv.HTTP_RESPONSE_SIZE: timing.size})


def _features(served: ServedEndpoint, answers: Sequence[Answer], timing: Timing, store: str | None) -> None:
    """Also where they did not come: then the span ends where something else stood in, or nothing did."""
    if not timing.store_at:
        return
    about: dict[str, str | int | None] = {
        semconv.FEATURE_SERVICE: served.spec.feature_service,
        semconv.DB_SYSTEM: store,
        semconv.ERROR_TYPE: timing.store_fault,
    }
    if answers:
        about[semconv.ROWS] = len(answers)
        about[semconv.FEATURES_MISSING] = sum(len(each.features.missing) for each in answers)
        about[semconv.FEATURES_EXPIRED] = sum(len(each.features.expired) for each in answers)
    name = f"{semconv.RETRIEVE_FEATURES} {served.spec.feature_service}"
    past_span(name, timing.store_at, timing.waited, **about)


def _score(served: ServedEndpoint, answers: Sequence[Answer], timing: Timing) -> None:
    about: dict[str, str | int | None] = {semconv.ROWS: len(answers) or None}
    if answers:
        first = answers[0]
        # Of many rows, what holds for all of them.
        for name, found in (
            (semconv.MODEL_VERSION, {each.version for each in answers}),
            (semconv.VARIANT, {each.variant for each in answers}),
            (semconv.DECISION, {"decline" if each.declined else "approve" for each in answers}),
        ):
            about[name] = found.pop() if len(found) == 1 else None
        about[semconv.FALLBACK] = first.features.fallback
    past_span(f"{semconv.PREDICT} {served.spec.model}", timing.model_at, timing.model, **about)
