"""Spans: attributes, failures without stacks, export only where an endpoint is set."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from foundation.telemetry import metrics, semconv
from foundation.telemetry.traces import configure_traces, current_span_id, current_trace_id, span


def test_a_span_has_its_attributes_redacted() -> None:
    seen = InMemorySpanExporter()
    provider = configure_traces(
        "vigia-test", redact=lambda text: text.replace("hunter2", "<X>"), processors=(SimpleSpanProcessor(seen),)
    )
    attributes = {semconv.AGENT_NAME: "hunter2", semconv.USAGE_INPUT_TOKENS: 7, semconv.REQUEST_MODEL: None}
    with pytest.raises(ValueError, match="hunter2"), span("outer"), span("invoke_agent x", **attributes):
        int("hunter2")
    inner, outer = seen.get_finished_spans()
    assert inner.attributes == {"gen_ai.agent.name": "<X>", "gen_ai.usage.input_tokens": 7, "error.type": "ValueError"}
    assert inner.status.description == "invalid literal for int() with base 10: '<X>'"
    assert inner.events == ()
    assert inner.context is not None
    assert outer.context is not None
    assert inner.context.trace_id == outer.context.trace_id
    assert provider.resource.attributes["service.name"] == "vigia-test"


def test_there_are_no_ids_outside_a_span() -> None:
    assert current_trace_id() is None
    assert current_span_id() is None


def test_spans_are_sent_over_otlp_when_an_endpoint_is_set() -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        provider = configure_traces("vigia-test", f"http://127.0.0.1:{server.server_port}")
        with span("exported"):
            pass
        provider.shutdown()
        server.shutdown()
        thread.join()
    configure_traces("vigia-test")
    ((path, body),) = received
    assert path == "/v1/traces"
    assert b"exported" in body
    assert b"vigia-test" in body


def test_importing_telemetry_loads_nothing_heavy() -> None:
    heavy = ("structlog", "rich", "opentelemetry.sdk", "opentelemetry.exporter", "requests", "prometheus_client")
    code = (
        "import sys, foundation.telemetry.logs, foundation.telemetry.traces, foundation.telemetry.semconv;"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_metrics_are_rendered_for_prometheus() -> None:
    metrics.tool_runs.labels("freshness", "success").inc()
    metrics.diagnosis_seconds.observe(1.5)
    text = metrics.render().decode()
    assert 'vigia_tool_runs_total{status="success",tool="freshness"}' in text
    assert 'vigia_diagnosis_seconds_bucket{le="2.0"}' in text
