"""Which traces are kept, and what a request's span says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from foundation.errors import NotFound
from foundation.http_errors import install_error_handlers
from foundation.telemetry.http import TraceRequests, remote_parent
from foundation.telemetry.traces import configure_traces, current_span_id, current_trace_id, span

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def seen() -> Iterator[InMemorySpanExporter]:
    yield InMemorySpanExporter()
    configure_traces("vigia-test")


def configure(seen: InMemorySpanExporter, sample: float) -> None:
    configure_traces("vigia-test", processors=(SimpleSpanProcessor(seen),), sample=sample)


def test_a_trace_that_is_not_kept_has_ids_and_nothing_else(seen: InMemorySpanExporter) -> None:
    redacted: list[str] = []
    configure_traces(
        "vigia-test",
        processors=(SimpleSpanProcessor(seen),),
        sample=0,
        redact=lambda text: redacted.append(text) or text,
    )
    with span("outer", text="a") as outer:
        trace_id = current_trace_id()
        assert trace_id is not None
        assert current_span_id() is not None
        with span("inner", text="b"):
            assert current_trace_id() == trace_id
        assert not outer.is_recording()
    assert current_trace_id() is None
    assert seen.get_finished_spans() == ()
    assert redacted == []


def test_the_share_that_is_kept(seen: InMemorySpanExporter) -> None:
    configure(seen, 0.25)
    traces: set[str | None] = set()
    for _ in range(2000):
        with span("outer"), span("inner"):
            traces.add(current_trace_id())
    names = [each.name for each in seen.get_finished_spans()]
    assert len(traces) == 2000
    assert names.count("outer") == names.count("inner")
    assert 400 < names.count("outer") < 600


def app() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/v1/incidents/{incident}")
    def incident(incident: str) -> dict[str, str | None]:
        if incident == "missing":
            raise NotFound("no such incident")
        if incident == "broken":
            raise RuntimeError("broken")
        with span("inside"):
            return {"trace": current_trace_id()}

    @app.get("/livez")
    def livez() -> dict[str, str]:
        return {}

    return app


def ask(path: str, *, observe: Any = None, method: str = "GET", **headers: str) -> httpx.Response:
    async def one() -> httpx.Response:
        transport = httpx.ASGITransport(TraceRequests(app(), observe=observe), raise_app_exceptions=False)  # pyright: ignore
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(one())


def server_span(seen: InMemorySpanExporter) -> ReadableSpan:
    return next(each for each in seen.get_finished_spans() if each.kind.name == "SERVER")


@pytest.mark.parametrize(
    ("path", "name", "status", "error"),
    [
        ("/v1/incidents/52998224725", "GET /v1/incidents/{incident}", 200, None),
        ("/v1/incidents/missing", "GET /v1/incidents/{incident}", 404, None),
        ("/v1/incidents/broken", "GET /v1/incidents/{incident}", 500, "RuntimeError"),
        ("/nowhere/52998224725", "GET", 404, None),
    ],
)
def test_a_request_has_its_span(
    seen: InMemorySpanExporter, path: str, name: str, status: int, error: str | None
) -> None:
    configure(seen, 1)
    observed: list[tuple[object, ...]] = []
    assert ask(path, observe=lambda *told: observed.append(told)).status_code == status
    found = server_span(seen)
    assert found.name == name
    attributes = dict(found.attributes or {})
    assert attributes["http.response.status_code"] == status
    assert attributes.get("error.type") in (error, "500" if error else None)
    assert found.status.status_code.name == ("ERROR" if error else "UNSET")
    assert "52998224725" not in found.to_json()
    assert observed[0][:3] == ("GET", name[4:], status)


def test_probes_make_no_spans_and_odd_methods_no_names(seen: InMemorySpanExporter) -> None:
    configure(seen, 1)
    ask("/livez")
    assert seen.get_finished_spans() == ()
    ask("/livez2", method="BREW")
    assert server_span(seen).name == "_OTHER"


def test_the_callers_trace_goes_on_and_so_does_their_decision(seen: InMemorySpanExporter) -> None:
    configure(seen, 0)
    answer = ask("/v1/incidents/1", traceparent=f"00-{TRACE}-{PARENT}-01")
    assert answer.json() == {"trace": TRACE}
    inside, request = seen.get_finished_spans()
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == PARENT
    assert inside.parent == request.context
    seen.clear()
    configure(seen, 1)
    assert ask("/v1/incidents/1", traceparent=f"00-{TRACE}-{PARENT}-00").json() == {"trace": TRACE}
    assert seen.get_finished_spans() == ()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00",
        f"00-{TRACE}-{PARENT}",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-x",
        f"00-{'g' * 32}-{PARENT}-01",
        f"00-{'+1' * 16}-{PARENT}-01",
        f"00-{'1_' * 16}-{PARENT}-01",
    ],
)
def test_a_traceparent_that_is_none_is_left_alone(header: str) -> None:
    assert remote_parent([(b"traceparent", header.encode())]) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    found = remote_parent([(b"x", b"y"), (b"traceparent", f"01-{TRACE}-{PARENT}-03-more".encode())])
    assert found is not None
    assert found.trace_flags.sampled
    assert found.is_remote
