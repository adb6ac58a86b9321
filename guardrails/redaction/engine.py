"""The redactor: text in, the same text without personal data and secrets out, or an exception.

By default the recognizers' own scan runs, without Presidio's overhead. With recognizers of Presidio configured (a
deny list, a named entity model) everything runs inside its AnalyzerEngine, ours as one of its recognizers, and the
result for our entities is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from guardrails.redaction.errors import RedactionBlocked
from guardrails.redaction.pseudonyms import Pseudonyms
from guardrails.redaction.recognizer import Recognizer
from guardrails.redaction.recognizers import recognizers as built_in
from guardrails.redaction.scan import ByteSpan, Scanner

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

_SHORTEST_NUMBER = 8


@dataclass(frozen=True, slots=True)
class RedactionSpan:
    """start <= i < end in the characters of the text."""

    start: int
    end: int
    entity: str


class Redactor:
    """Replaces what its recognizers find by stable pseudonyms. Safe to share between threads.

    `presidio` holds further recognizers that run inside Presidio's engine. Every method raises RedactionBlocked when
    the text could not be looked at completely; nothing is ever returned unlooked.
    """

    def __init__(
        self,
        key: bytes,
        *,
        recognizers: Sequence[Recognizer] | None = None,
        presidio: Sequence[EntityRecognizer] = (),
    ) -> None:
        self._pseudonyms = Pseudonyms(key)
        scanner = Scanner(built_in() if recognizers is None else recognizers)
        self._scan: Callable[[bytes, str], list[ByteSpan]] = lambda data, key: scanner.scan(data, key=key)
        if presidio:
            from guardrails.redaction.presidio import PresidioScan

            self._scan = PresidioScan(scanner, presidio)

    def redact(self, text: str, *, key: str = "") -> str:
        """`text` with every finding replaced. `key` is the name of the field it stands in, if it has one."""
        data, found = self._look(text, key)
        if not found:
            return text
        pieces: list[bytes] = []
        position = 0
        for span in found:
            entity = span.recognizer.entity
            pieces += (data[position : span.start], self._name(entity, span).encode())
            position = span.end
        pieces.append(data[position:])
        return b"".join(pieces).decode("utf-8", "surrogatepass")

    def spans(self, text: str) -> list[RedactionSpan]:
        """Where the findings are, in order and without overlap."""
        data, found = self._look(text, "")
        if len(data) == len(text):
            return [RedactionSpan(span.start, span.end, span.recognizer.entity) for span in found]

        def at(position: int) -> int:
            return len(data[:position].decode("utf-8", "surrogatepass"))

        return [RedactionSpan(at(span.start), at(span.end), span.recognizer.entity) for span in found]

    def redact_value(self, value: Any, *, key: str = "") -> Any:
        """A JSON value with every text in it redacted, keys included, and long whole numbers that identify somebody."""
        try:
            return self._value(value, key)
        except RecursionError as error:
            raise RedactionBlocked("the value is nested too deeply to be redacted") from error

    def _value(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self.redact(value, key=key)
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value).items()
            return {self.redact(str(name)): self._value(item, str(name)) for name, item in items}
        if isinstance(value, list | tuple):
            return [self._value(item, key) for item in cast("list[Any]", value)]
        if isinstance(value, int | float) and not isinstance(value, bool):
            # A tax id that went through a data frame is a float.
            written = str(int(value)) if isinstance(value, int) or value.is_integer() else ""
            redacted = self.redact(written, key=key) if len(written) >= _SHORTEST_NUMBER else written
            return value if redacted == written else redacted
        if value is None or isinstance(value, bool):
            return value
        raise RedactionBlocked(
            f"{type(value).__name__!r} is not a JSON value", hint="redact text, numbers, lists and mappings"
        )

    def _look(self, text: str, key: str) -> tuple[bytes, list[ByteSpan]]:
        try:
            data = text.encode("utf-8", "surrogatepass")
            return data, self._scan(data, key)
        except RedactionBlocked:
            raise
        except Exception as error:  # noqa: BLE001 whatever went wrong, unlooked text does not leave
            raise RedactionBlocked(
                f"redaction failed on a text of {len(text)} characters: {type(error).__name__}",
                hint="the text was withheld; see the cause of this exception",
            ) from None

    def _name(self, entity: str, span: ByteSpan) -> str:
        return self._pseudonyms.name(entity, span.recognizer.normalise(span.value))
