"""Telemetry on its way out: decoded again at the other end, and no burden while nobody takes it."""

from __future__ import annotations

import io
import logging
import os
import threading
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from foundation.telemetry import metrics
from foundation.telemetry.batching import Batch
from foundation.telemetry.log_export import LogExport
from foundation.telemetry.logs import configure_logs, get_logger
from foundation.telemetry.metric_export import MetricExport
from foundation.telemetry.otlp import address, make_resource
from foundation.telemetry.traces import configure_traces, current_span_id, current_trace_id, span
from tests.fakes.otlp_receiver import attributes, otlp_receiver


def redact(text: str) -> str:
    return text.replace("ana@example.com", "<EMAIL>")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, _ = handlers, root.setLevel(level)
    configure_traces("vigia-test")


def lost(signal: str) -> float:
    return metrics.TELEMETRY.get_sample_value("vigia_telemetry_lost_total", {"signal": signal}) or 0.0


def test_spans_arrive_with_their_resource_redacted() -> None:
    with otlp_receiver() as received:
        resource = make_resource("vigia-test", {"deployment.environment.name": "staging"})
        provider = configure_traces(
            "x", received.endpoint, redact=redact, resource=resource, headers={"authorization": "Bearer k"}
        )
        with span("outer"), span("score x", **{"vigia.endpoint": "fraud-br", "note": "to ana@example.com", "n": 3}):
            pass
        with pytest.raises(ValueError, match="ana"), span("failed"):
            raise ValueError("ana@example.com")
        provider.shutdown()
    inner, outer, failed = received.spans
    assert attributes(inner.attributes) == {"vigia.endpoint": "fraud-br", "note": "to <EMAIL>", "n": 3}
    assert inner.parent_span_id == outer.span_id
    assert (failed.status.code, failed.status.message) == (2, "<EMAIL>")
    assert received.headers[0]["authorization"] == "Bearer k"
    told = received.resources[0]
    assert (told["service.name"], told["deployment.environment.name"]) == ("vigia-test", "staging")
    assert told["process.pid"] == os.getpid()
    assert told["service.instance.id"]


def test_lines_arrive_as_they_were_written_with_their_span() -> None:
    stream = io.StringIO()
    with otlp_receiver() as received:
        export = LogExport(received.endpoint, make_resource("vigia-test"))
        configure_logs(redact=redact, stream=stream, export=export)
        configure_traces("vigia-test")
        with span("work"):
            ids = current_trace_id(), current_span_id()
            get_logger("vigia.test").warning("mail to ana@example.com", count=2, to=["ana@example.com", None])
            logging.getLogger("somebody.else").error("theirs: ana@example.com")
            try:
                int("ana@example.com")
            except ValueError:
                get_logger("vigia.test").exception("failed")
        logging.getLogger("opentelemetry.sdk").error("about myself")
        export.close()
    ours, theirs, failed = received.logs
    assert b"ana@example.com" not in received.raw
    assert (ours.body.string_value, ours.severity_text, ours.severity_number) == ("mail to <EMAIL>", "WARNING", 13)
    assert (ours.trace_id.hex(), ours.span_id.hex()) == ids
    assert attributes(ours.attributes) == {"count": 2, "to": ["<EMAIL>", None], "logger": "vigia.test"}
    assert abs(ours.time_unix_nano - time.time_ns()) < 60e9
    assert (theirs.body.string_value, theirs.severity_number) == ("theirs: <EMAIL>", 17)
    assert "<EMAIL>" in attributes(failed.attributes)["exception"]
    assert "about myself" in stream.getvalue()


def test_metrics_arrive_as_a_scrape_would_tell_them() -> None:
    registry = CollectorRegistry()
    calls = Counter("vigia_calls", "Calls.", ["tenant"], registry=registry)
    Gauge("vigia_level", "A level.", registry=registry).set(0.25)
    Gauge("vigia_unknown", "Nobody knows.", registry=registry).set(float("nan"))
    seconds = Histogram("vigia_call_seconds", "How long.", ["tenant"], buckets=(0.1, 1), registry=registry)
    calls.labels("br").inc(3)
    for value in (0.05, 0.5, 0.7, 9):
        seconds.labels("br").observe(value)
    with otlp_receiver() as received:
        export = MetricExport(received.endpoint, make_resource("vigia-test"), lambda: [registry], seconds=3600)
        export.close()
    assert set(received.metrics) == {"vigia_calls", "vigia_level", "vigia_call_seconds"}
    total = received.metrics["vigia_calls"].sum
    assert (total.is_monotonic, total.aggregation_temporality) == (True, 2)
    assert [(attributes(p.attributes), p.as_double) for p in total.data_points] == [({"tenant": "br"}, 3.0)]
    assert received.metrics["vigia_level"].gauge.data_points[0].as_double == 0.25
    (point,) = received.metrics["vigia_call_seconds"].histogram.data_points
    assert (point.count, list(point.bucket_counts), list(point.explicit_bounds)) == (4, [1, 2, 1], [0.1, 1.0])
    assert point.sum == pytest.approx(10.25)
    assert not point.HasField("min")
    assert received.metrics["vigia_call_seconds"].unit == "s"


def test_every_registry_in_use_is_sent() -> None:
    mine = metrics.new_registry()
    assert mine in metrics.registries()
    assert metrics.registries()[0] is metrics.REGISTRY
    del mine
    import gc

    gc.collect()
    assert len(metrics.registries()) >= 1


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "refusing"])
def test_a_collector_that_is_away_costs_a_counter(endpoint: str) -> None:
    with otlp_receiver(status=400) as refusing:
        where = refusing.endpoint if endpoint == "refusing" else endpoint
        before = {signal: lost(signal) for signal in ("traces", "logs", "metrics")}
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        provider = configure_traces("vigia-test", where)
        lines = LogExport(where, make_resource("vigia-test"))
        configure_logs(stream=io.StringIO(), export=lines)
        for _ in range(5):
            with span("work"):
                get_logger("vigia.test").info("line")
        push = MetricExport(where, make_resource("vigia-test"), metrics.registries, seconds=3600)
        closing = [threading.Thread(target=close) for close in (provider.shutdown, lines.close, push.close)]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()
    after = {signal: lost(signal) - count for signal, count in before.items()}
    assert after == {"traces": 5, "logs": 5, "metrics": 1}


def test_a_full_queue_drops_and_says_how_much() -> None:
    counted: list[int] = []
    let_go = threading.Event()

    def stuck(_batch: list[int]) -> int:
        let_go.wait(10)
        return 0

    batch: Batch[int] = Batch(stuck, lost=counted.append, capacity=10, size=4, seconds=0.01)
    for number in range(40):
        batch.add(number)
        time.sleep(0.001)
    dropped = sum(counted)
    assert 40 - 10 - 4 <= dropped < 40
    let_go.set()
    batch.close(5)
    assert sum(counted) == dropped


def test_what_is_not_sent_in_time_is_counted() -> None:
    counted: list[int] = []
    let_go = threading.Event()
    batch: Batch[int] = Batch(lambda _batch: int(not let_go.wait(10)), lost=counted.append, size=1, seconds=0.01)
    for number in range(3):
        batch.add(number)
    batch.close(0.05)
    assert sum(counted) == 2
    let_go.set()


def test_an_exporter_that_raises_loses_its_batch_only() -> None:
    counted: list[int] = []
    arrived: list[int] = []

    def export(items: list[int]) -> int:
        if 1 in items:
            raise RuntimeError("no")
        arrived.extend(items)
        return 0

    batch: Batch[int] = Batch(export, lost=counted.append, size=1, seconds=0.01)
    for number in range(3):
        batch.add(number)
    batch.flush()
    batch.close(1)
    assert (sorted(arrived), counted) == ([0, 2], [1])


@pytest.mark.parametrize("endpoint", ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces"])
def test_the_address_of_a_signal(endpoint: str) -> None:
    assert address(endpoint, "logs") == "http://c:4318/v1/logs"
