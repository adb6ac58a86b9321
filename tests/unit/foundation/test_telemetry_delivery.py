"""A collector that is away, busy, choosy or odd: nothing is lost that the declared queue holds, the rest is counted."""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from foundation.telemetry import metrics
from foundation.telemetry.batching import Again, Batch
from foundation.telemetry.delivery import _retry_after
from foundation.telemetry.log_export import LogExport
from foundation.telemetry.metric_export import MetricExport
from foundation.telemetry.otlp import make_resource, quiet
from foundation.telemetry.traces import configure_traces, span
from tests.fakes.otlp_receiver import PROTOBUF, otlp_receiver
from tests.fakes.scripted_http import scripted_server

LATER = [(status, {"Retry-After": "0.01"}) for status in (429, 502, 503, 504)]
"""Without the header OpenTelemetry's exporter waits a second by itself."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("opentelemetry", "urllib3", "requests")]
    levels = [logger.level for logger in loggers]
    quiet()
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    configure_traces("vigia-test")


def lost(signal: str) -> float:
    return metrics.TELEMETRY.get_sample_value("vigia_telemetry_lost_total", {"signal": signal}) or 0.0


def lines(endpoint: str) -> LogExport:
    return LogExport(endpoint, make_resource("vigia-test"))


def until_sent(export: LogExport) -> None:
    """As its thread does: it waits where it was asked to."""
    deadline = time.monotonic() + 20
    while export._batch._queue and time.monotonic() < deadline:
        export.flush()


@pytest.mark.parametrize("answer", LATER)
def test_a_collector_that_is_busy_is_asked_again(answer: tuple[int, dict[str, str]]) -> None:
    before = lost("logs"), lost("traces")
    with otlp_receiver() as received:
        received.answers += [answer, answer]
        export = lines(received.endpoint)
        provider = configure_traces("vigia-test", received.endpoint)
        for number in range(3):
            export(None, "info", {"event": f"line {number}"})
        with span("work"):
            pass
        until_sent(export)
        export.close()
        provider.shutdown()
    assert [record.body.string_value for record in received.logs] == ["line 0", "line 1", "line 2"]
    assert [each.name for each in received.spans] == ["work"]
    assert (lost("logs"), lost("traces")) == before


def test_a_collector_that_was_away_gets_everything_once_when_it_is_back() -> None:
    before = lost("logs")
    with otlp_receiver() as there:
        export = lines(there.endpoint)
        export(None, "info", {"event": "line 0"})
        export.flush()
    for number in range(1, 600):
        export(None, "info", {"event": f"line {number}"})
    export.flush()
    with otlp_receiver(port=urlsplit(there.endpoint).port or 0) as back:
        until_sent(export)
        export.close()
    told = [record.body.string_value for record in [*there.logs, *back.logs]]
    assert told == [f"line {number}" for number in range(600)]
    assert lost("logs") == before


@pytest.mark.parametrize("status", [400, 401, 404, 413, 302])
def test_what_is_refused_for_good_is_counted_and_holds_nothing_up(status: int) -> None:
    before = lost("logs")
    with otlp_receiver() as received:
        received.answers.append((status, {"Location": "http://127.0.0.1:1/login"} if status == 302 else {}))
        export = lines(received.endpoint)
        export(None, "info", {"event": "refused"})
        export.flush()
        export(None, "info", {"event": "taken"})
        export.close()
    assert [record.body.string_value for record in received.logs] == ["taken"]
    assert lost("logs") - before == 1


def test_what_a_collector_takes_in_part_is_counted_in_part() -> None:
    before = {signal: lost(signal) for signal in ("traces", "logs", "metrics")}
    with otlp_receiver() as received:
        export = lines(received.endpoint)
        received.rejects = 2
        for number in range(5):
            export(None, "info", {"event": f"line {number}"})
        export.close()
        provider = configure_traces("vigia-test", received.endpoint)
        received.rejects = 1
        with span("outer"), span("inner"):
            pass
        provider.shutdown()
        received.rejects = 3
        own = [metrics.REGISTRY, metrics.TELEMETRY]  # applications of other tests may not be collected yet
        MetricExport(received.endpoint, make_resource("x"), lambda: own, seconds=3600).close()
    after = {signal: lost(signal) - count for signal, count in before.items()}
    assert after == {"logs": 2, "traces": 1, "metrics": 1}
    assert (len(received.logs), len(received.spans)) == (3, 1)


@pytest.mark.parametrize("headers", [{}, PROTOBUF])
def test_an_odd_answer_of_one_who_took_it_is_no_loss(headers: dict[str, str]) -> None:
    before = lost("logs")
    with scripted_server(lambda _: (200, b"<html>thank you</html>", headers)) as server:
        export = lines(server.address)
        export(None, "info", {"event": "line"})
        export.close()
    assert lost("logs") == before


def test_compressed_as_the_operator_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    with otlp_receiver() as received:
        export = lines(received.endpoint)
        export(None, "info", {"event": "line"})
        export.close()
    assert received.headers[0]["content-encoding"] == "gzip"
    assert [record.body.string_value for record in received.logs] == ["line"]


def test_the_receiver_of_these_tests_lets_nothing_pass() -> None:
    body = ExportLogsServiceRequest().SerializeToString()
    wrong = [
        ("/v1/logs", "application/json", "", b"{}", 415),
        ("/v1/logs", "application/x-protobuf", "deflate", body, 415),
        ("/v1/logs", "application/x-protobuf", "gzip", b"not gzip", 400),
        ("/v1/logs", "application/x-protobuf", "", b"\xff\xff\xff", 400),
        ("/v1/spans", "application/x-protobuf", "", body, 404),
    ]
    with otlp_receiver() as received, httpx.Client(trust_env=False, verify=False) as http:
        for path, kind, encoding, content, status in wrong:
            headers = {"content-type": kind} | ({"content-encoding": encoding} if encoding else {})
            answer = http.post(f"{received.endpoint}{path}", content=content, headers=headers)
            assert answer.status_code == status, (path, kind, encoding)
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        good = http.post(f"{received.endpoint}/v1/logs", content=gzip.compress(body), headers=headers)
        assert (good.status_code, len(received.faults)) == (200, len(wrong))
        received.faults.clear()


def test_beyond_the_declared_queue_the_newest_are_lost_and_counted() -> None:
    counted: list[int] = []
    sent: list[int] = []
    away = [True]

    def export(items: list[int]) -> Again | int:
        if away[0]:
            return Again(0.0)
        sent.extend(items)
        return 0

    batch: Batch[int] = Batch(export, lost=counted.append, capacity=10, size=4, seconds=0.01)
    for number in range(25):
        batch.add(number)
        batch.flush()
    away[0] = False
    batch.flush()
    batch.close(5)
    assert sorted(sent) == sent
    assert sent[:10] == list(range(10))
    assert len(sent) + sum(counted) == 25


def test_what_is_on_its_way_at_the_end_is_counted_when_it_does_not_arrive() -> None:
    counted: list[int] = []
    batch: Batch[int] = Batch(lambda _: Again(60.0), lost=counted.append, size=2, seconds=0.01)
    for number in range(5):
        batch.add(number)
    batch.close(5)
    assert sum(counted) == 5
    batch.add(5)
    assert sum(counted) == 6, "nobody sends what comes after the end"


def test_when_to_ask_again() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    assert 80 < _retry_after(soon) < 91
    assert [_retry_after(value) for value in ("7", "-1", "", "soon", "nan", "1e9")] == [7, 0, 0, 0, 0, 300]
