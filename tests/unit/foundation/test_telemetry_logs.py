"""Log lines: ids, redaction of everything, exceptions as text, nothing that breaks the caller."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from foundation.errors import InvalidInput
from foundation.telemetry import logs
from foundation.telemetry.logs import configure_logs, get_logger, log_context
from foundation.telemetry.redacting import WITHHELD, RedactEvent
from foundation.telemetry.traces import configure_traces, current_trace_id, span

SECRET = "hunter2"


def without_secret(text: str) -> str:
    return text.replace(SECRET, "<X>")


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    monkeypatch.setattr(logs._Configured, "yes", False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_the_ids_around_it(stream: io.StringIO) -> None:
    configure_traces("test")
    configure_logs(format="json", level="info", stream=stream)
    with log_context(incident_id="inc_1", tenant=None), span("work"):
        get_logger("room.module").info("alert received", rows=3)
        trace_id = current_trace_id()
    get_logger("room.module").info("after")
    first, second = lines(stream)
    assert first["event"] == "alert received"
    assert (first["incident_id"], first["trace_id"], first["rows"]) == ("inc_1", trace_id, 3)
    assert len(str(first["span_id"])) == 16
    assert (first["level"], first["logger"]) == ("info", "room.module")
    assert not {"incident_id", "trace_id", "tenant"} & second.keys()


@pytest.mark.parametrize("format", ["json", "console"])
def test_everything_on_a_line_is_redacted(stream: io.StringIO, format: str) -> None:
    configure_logs(format=format, level="info", redact=without_secret, stream=stream)  # type: ignore[arg-type]
    log = get_logger("m")
    log.info(f"event {SECRET}", value=SECRET, deep={"list": [SECRET, {SECRET: 1}]}, thing=ValueError(SECRET))
    try:
        int(f"in a stack: {SECRET}")
    except ValueError:
        log.exception("it broke")
        logging.getLogger("library").exception("says %s", SECRET, extra={"more": SECRET})
    written = stream.getvalue()
    assert SECRET not in written
    assert written.count("Traceback") == 2
    assert "says <X>" in written


def test_a_failing_redaction_withholds_the_text(stream: io.StringIO) -> None:
    def broken(text: str) -> str:
        raise RuntimeError(text)

    configure_logs(format="json", level="info", redact=broken, stream=stream)
    get_logger("m").info(SECRET, key=SECRET, count=3, big=12345678901)
    (line,) = lines(stream)
    assert line["event"] == line["key"] == line["big"] == WITHHELD
    assert line["count"] == 3


def test_the_field_name_is_shown_to_the_redaction(stream: io.StringIO) -> None:
    configure_logs(format="json", redact=lambda text: text.replace("cpf: 123456789", "cpf: <CPF>"), stream=stream)
    get_logger("m").info("x", cpf=123456789, rows=123456789)
    (line,) = lines(stream)
    assert (line["cpf"], line["rows"]) == ("<CPF>", 123456789)


def test_levels(stream: io.StringIO) -> None:
    configure_logs(level="warning", stream=stream)
    get_logger("m").info("not written")
    logging.getLogger("library").info("neither")
    get_logger("m").warning("written")
    assert [line["event"] for line in lines(stream)] == ["written"]
    with pytest.raises(InvalidInput, match="loud"):
        configure_logs(level="loud", stream=stream)


def test_before_it_is_configured_only_the_event_is_written(
    stream: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    get_logger("m").warning("too early", value=SECRET)
    assert [record.getMessage() for record in caplog.records] == ["too early"]


def test_a_float_that_is_a_tax_id_is_redacted() -> None:
    def redact(text: str) -> str:
        return text.replace("52998224725", "<CPF>")

    event = RedactEvent(redact)(None, "info", {"event": "read", "cpf": 52998224725.0, "share": 0.25, "rows": 12.0})
    assert event == {"event": "read", "cpf": "<CPF>", "share": 0.25, "rows": 12.0}
