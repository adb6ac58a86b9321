"""What the trace of a prediction says: the request by the conventions for HTTP, and where its time went."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from foundation.telemetry.traces import configure_traces
from tests.fakes.inference import Inference, payload

Spans = dict[str, ReadableSpan]
CHILDREN = {"retrieve_features fraud_v1", "predict fraud_score", "answer"}


@pytest.fixture
def seen() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    configure_traces("vigia-test", processors=(SimpleSpanProcessor(exporter),))
    yield exporter
    configure_traces("vigia-test")


@pytest.fixture
def world(engine: Engine, clock: FixedClock, tmp_path: Path) -> Inference:
    return Inference(engine, clock, tmp_path / "models")


def trace(
    world: Inference,
    seen: InMemorySpanExporter,
    document: dict[str, Any] | None,
    *,
    share: float = 1.0,
    traceparent: str | None = None,
) -> Spans:
    """`document` None: of a caller who goes away before it is sent."""
    app = world.app(refresh_interval=3600, traced_share=share, store="redis")

    async def story() -> None:
        async def receive() -> MutableMapping[str, Any]:
            if document is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": json.dumps(document).encode()}

        async def send(message: MutableMapping[str, Any]) -> None:
            pass

        path, headers = "/v1/predict/fraud-br", [] if traceparent is None else [(b"traceparent", traceparent.encode())]
        about = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
        about["scheme"] = "http"
        async with app.router.lifespan_context(app):
            seen.clear()
            await app(about, receive, send)  # type: ignore[arg-type]

    asyncio.run(story())
    return {each.name: each for each in seen.get_finished_spans()}


def said(of: ReadableSpan) -> dict[str, Any]:
    return dict(of.attributes or {})


def test_a_prediction_has_its_features_its_score_and_its_answer(world: Inference, seen: InMemorySpanExporter) -> None:
    world.retriever.delay = 0.02
    world.retriever.degraded = ["device_risk__tx_count_1h"]
    spans = trace(world, seen, dict(payload()))
    assert spans.keys() == {"score fraud-br", *CHILDREN}
    request = spans["score fraud-br"]
    assert request.kind.name == "SERVER"
    assert {
        "http.request.method": "POST",
        "http.route": "/v1/predict/{endpoint}",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "vigia.endpoint": "fraud-br",
        "vigia.tenant": "br",
        "vigia.rows": 1,
    }.items() <= said(request).items()
    features, score, answer = (spans[name] for name in sorted(CHILDREN, reverse=True))
    assert said(features) == {
        "db.system.name": "redis",
        "vigia.feature_service": "fraud_v1",
        "vigia.rows": 1,
        "vigia.features.missing": 1,
        "vigia.features.expired": 0,
    }
    assert said(score) == {
        "vigia.model.version": "1",
        "vigia.rollout.variant": "champion",
        "vigia.decision": "approve",
        "vigia.rows": 1,
    }
    assert said(answer)["http.response.body.size"] > 100
    moments = [request.start_time]
    for child in (features, score, answer):
        assert child.parent is not None
        assert child.parent.span_id == request.context.span_id
        moments += [child.start_time, child.end_time]
    slack = 1_000_000  # of two clocks, in nanoseconds
    assert all(
        a is not None and b is not None and a <= b + slack
        for a, b in zip(moments, [*moments[1:], request.end_time], strict=True)
    )
    assert features.end_time - features.start_time >= 19_000_000  # type: ignore[operator]


def test_many_rows_say_only_what_holds_for_all(world: Inference, seen: InMemorySpanExporter) -> None:
    world.patch(canary="2", canary_percent=50)
    row = {name: value for name, value in payload().items() if name != "request_id"}
    rows = [{**row, "entities": {"card": f"card-{n}", "device": "d"}} for n in range(20)]
    spans = trace(world, seen, {"request_id": "b", "rows": rows})
    assert said(spans["score fraud-br"])["vigia.rows"] == 20
    assert said(spans["predict fraud_score"]) == {"vigia.rows": 20, "vigia.decision": "approve"}


def test_a_fallback_and_what_kept_the_features_away_show(world: Inference, seen: InMemorySpanExporter) -> None:
    world.patch(serving={"fallback": ["default_features"]})
    world.retriever.error = Unavailable("card 4111 1111 1111 1111 is not told")
    spans = trace(world, seen, dict(payload()))
    assert said(spans["retrieve_features fraud_v1"])["error.type"] == "Unavailable"
    assert said(spans["predict fraud_score"])["vigia.fallback"] == "default_features"
    assert not any("4111" in each.to_json() for each in spans.values())


@pytest.mark.parametrize(
    ("changes", "status", "children"),
    [
        ({"inputs": {}}, 422, set[str]()),
        ({}, 503, {"retrieve_features fraud_v1"}),
    ],
)
def test_a_refusal_is_no_error_of_ours_unless_it_is(
    world: Inference,
    seen: InMemorySpanExporter,
    changes: dict[str, Any],
    status: int,
    children: set[str],
) -> None:
    world.retriever.error = Unavailable("down")
    spans = trace(world, seen, {**payload(), **changes})
    request = spans.pop("score fraud-br")
    assert (said(request)["http.response.status_code"], request.status.is_ok) == (status, status < 500)
    assert (said(request).get("error.type") is not None) == (status >= 500)
    assert spans.keys() == children


def test_what_is_not_sampled_leaves_nothing(world: Inference, seen: InMemorySpanExporter) -> None:
    assert trace(world, seen, dict(payload()), share=0.0) == {}


@pytest.mark.parametrize(
    ("begun", "kept"),
    [("00-{}-{}-01", True), ("00-{}-{}-03", True), ("01-{}-{}-03-more", True), ("00-{}-{}-02", False)],
)
def test_a_trace_that_the_caller_samples_is_kept(
    world: Inference, seen: InMemorySpanExporter, begun: str, kept: bool
) -> None:
    """Also with the flag of W3C Trace Context, level 2, that says the trace id is random."""
    spans = trace(world, seen, dict(payload()), share=0.0, traceparent=begun.format("ab" * 16, "cd" * 8))
    assert ("score fraud-br" in spans) == kept


def test_who_went_away_was_answered_nothing(world: Inference, seen: InMemorySpanExporter) -> None:
    spans = trace(world, seen, None)
    assert spans.keys() == {"score fraud-br"}
    assert "http.response.status_code" not in said(spans["score fraud-br"])
