"""A value from outside, with where it came from. It can be looked at and passed on; it is not text.

`str(x)`, f-strings, comparing, hashing and iterating all raise, so such a value cannot slip into a name, a key, an
address or a branch by accident. There are three ways on: `inspect` hands it to somebody who shows or parses it,
`derive` computes another value that is as tainted, and `guardrails.taint.choices` picks from what we know ourselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

from foundation.errors import Forbidden
from foundation.frozen import Frozen

T = TypeVar("T")
U = TypeVar("U")


class Provenance(Frozen):
    """`source`: the tool or the model; `digest`: of the observation or the answer, where there is one."""

    source: str
    digest: str | None = None


class TaintedChoice(Forbidden):
    """Text from outside was about to choose something that only we choose."""

    code = "tainted_choice"


class Tainted(Generic[T]):
    __slots__ = ("_value", "provenance")

    def __init__(self, value: T, provenance: Provenance) -> None:
        self._value = value
        self.provenance = provenance

    def inspect(self) -> T:
        """The value itself, for showing (redacted, escaped) or parsing. Never for choosing."""
        return self._value

    def derive(self, function: Callable[[T], U]) -> Tainted[U]:
        return Tainted(function(self._value), self.provenance)

    def __repr__(self) -> str:
        return f"<Tainted from {self.provenance.source}>"

    def _refuse(self, *_: object) -> NoReturn:
        raise TaintedChoice(
            f"a value from {self.provenance.source} is not ours to use as text",
            hint="inspect() it to show it, or choose from a known vocabulary with it",
        )

    __str__ = __format__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse  # type: ignore[assignment]
    __bool__ = __iter__ = __len__ = __contains__ = __getitem__ = __add__ = __radd__ = _refuse  # type: ignore[assignment]
    __hash__: Any = _refuse
    __fspath__ = __index__ = __int__ = __float__ = __bytes__ = _refuse  # type: ignore[assignment]


def tainted_by(source: str, value: T, *, digest: str | None = None) -> Tainted[T]:
    return Tainted(value, Provenance(source=source, digest=digest))
