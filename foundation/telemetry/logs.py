"""Structured logs: JSON for machines, a readable line for the console, always on standard error.

Every line carries the trace and span ids, and whatever ids `log_context` bound around it (`incident_id`, `tenant`).
Records of libraries that use `logging` pass through the same chain, so that they are redacted too. Exceptions are
rendered to text before the redaction, because a stack's message is where production values end up.

structlog takes a third of a second to import (it brings rich), so it is first imported by `configure_logs`. Until then
a logger hands the bare event, without its values, to `logging`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, TextIO

from foundation.errors import InvalidInput
from foundation.telemetry.redacting import RedactEvent
from foundation.telemetry.traces import current_span_id, current_trace_id

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

LogFormat = Literal["json", "console"]
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_context: ContextVar[Mapping[str, str]] = ContextVar("vigia_log_context", default={})  # noqa: B039 never changed in place


class Logger:
    """`log = get_logger(__name__)`, then `log.info("alert received", fingerprint=…)`: a constant event, and values."""

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **values: Any) -> None:
        self._log("debug", event, values)

    def info(self, event: str, **values: Any) -> None:
        self._log("info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        self._log("warning", event, values)

    def error(self, event: str, **values: Any) -> None:
        self._log("error", event, values)

    def exception(self, event: str, **values: Any) -> None:
        """An error with the stack of the exception that is being handled."""
        self._log("exception", event, values)

    def _log(self, method: str, event: str, values: dict[str, Any]) -> None:
        if not _Configured.yes:
            level = "error" if method == "exception" else method
            logging.getLogger(self._name).log(logging.getLevelNamesMapping()[level.upper()], event)
            return
        import structlog

        getattr(structlog.get_logger(self._name), method)(event, **values)


class _Configured:
    yes = False


def get_logger(name: str) -> Logger:
    """The logger of a module. Cheap, and may be called before `configure_logs`."""
    return Logger(name)


@contextmanager
def log_context(**ids: str | None) -> Generator[None]:
    """Bind ids to every line logged inside the block, in this thread or task; None is left out."""
    token = _context.set({**_context.get(), **{key: value for key, value in ids.items() if value is not None}})
    try:
        yield
    finally:
        _context.reset(token)


def bound_ids() -> Mapping[str, str]:
    """What `log_context` has bound here."""
    return _context.get()


def configure_logs(
    *,
    format: LogFormat = "json",
    level: str = "INFO",
    redact: Callable[[str], str] | None = None,
    stream: TextIO | None = None,
    export: Processor | None = None,
) -> None:
    """Set up logging for the process; a second call replaces the first. Raises InvalidInput for an unknown level.

    `export` sees every line as it is about to be written, redacted.
    """
    if level.upper() not in _LEVELS:
        raise InvalidInput(f"{level!r} is not a log level", hint=", ".join(_LEVELS))
    import structlog

    shared: list[Processor] = [
        _add_context,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if redact is not None:
        last.append(RedactEvent(redact))
    if export is not None:
        last.append(export)
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
    _Configured.yes = True


def _add_context(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for key, value in _context.get().items():
        event.setdefault(key, value)
    trace_id = current_trace_id()
    if trace_id is not None:
        event["trace_id"], event["span_id"] = trace_id, current_span_id()
    return event


def _renderer(format: LogFormat) -> Processor:
    import structlog

    if format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
