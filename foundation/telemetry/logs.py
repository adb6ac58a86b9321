"""Structured logs: JSON for machines, a readable line for the console, always on standard error.

Every line carries the trace and span ids, and whatever ids `log_context` bound around it (`incident_id`, `tenant`).
Records of libraries that use `logging` pass through the same chain, so that they are redacted too. Exceptions are
rendered to text before the redaction, because a stack's message is where production values end up.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from foundation.errors import InvalidInput
from foundation.telemetry.redacting import RedactEvent
from foundation.telemetry.traces import current_span_id, current_trace_id

LogFormat = Literal["json", "console"]
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configure_logs(
    *,
    format: LogFormat = "json",
    level: str = "INFO",
    redact: Callable[[str], str] | None = None,
    stream: TextIO | None = None,
) -> None:
    """Set up logging for the process; a second call replaces the first. Raises InvalidInput for an unknown level."""
    if level.upper() not in _LEVELS:
        raise InvalidInput(f"{level!r} is not a log level", hint=", ".join(_LEVELS))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace_ids,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if redact is not None:
        last.append(RedactEvent(redact))
    last.append(_renderer(format))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=last, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())


def get_logger(name: str) -> FilteringBoundLogger:
    """The logger of a module: `log = get_logger(__name__)`, then `log.info("alert received", fingerprint=…)`."""
    return structlog.get_logger(name)


@contextmanager
def log_context(**ids: str | None) -> Generator[None]:
    """Bind ids to every line logged inside the block, in this thread or task; None is left out."""
    with structlog.contextvars.bound_contextvars(**{key: value for key, value in ids.items() if value is not None}):
        yield


def _add_trace_ids(_logger: Any, _method: str, event: EventDict) -> EventDict:
    trace_id = current_trace_id()
    if trace_id is not None:
        event["trace_id"], event["span_id"] = trace_id, current_span_id()
    return event


def _renderer(format: LogFormat) -> Processor:
    if format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
