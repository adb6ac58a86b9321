"""What text from outside may not choose, and the one way in which it may point at something.

A *tool that acts* is never chosen by a tainted value, whatever it says. A *known name* (an observe tool, a resource of
the catalog) may be pointed at: what comes back is our own string out of our own vocabulary, compared exactly, without
folding or guessing. Where we send and who approves is not for any text to say: the one stands in the settings, the
other in the policy, and nothing here takes a name for either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NewType, TypeVar, cast

from foundation.errors import InvalidInput
from guardrails.taint.tainted import Tainted, TaintedChoice, tainted_by

ActTool = NewType("ActTool", str)

V = TypeVar("V")


def act_tool(name: str | Tainted[Any], registry: Collection[str]) -> ActTool:
    """The act tool of that name, when it is our own code that names it. Raises TaintedChoice, InvalidInput."""
    if isinstance(name, Tainted):
        raise TaintedChoice(f"text from {name.provenance.source} may not choose a tool that acts")
    if name not in registry:
        raise InvalidInput(f"there is no action {name!r}")
    return ActTool(name)


def known(name: str | Tainted[str], vocabulary: Mapping[str, V]) -> V | None:
    """What our vocabulary holds under exactly this name; None when it holds nothing. The name is not passed on."""
    plain = name.inspect() if isinstance(name, Tainted) else name
    return vocabulary.get(plain)


def own_name(name: str | Tainted[str], vocabulary: Collection[str]) -> str | None:
    """Our own string that equals `name`; None when there is none."""
    plain = name.inspect() if isinstance(name, Tainted) else name
    return next((ours for ours in vocabulary if ours == plain), None)


def pointing(arguments: Mapping[str, Any], vocabulary: Collection[str], *, source: str) -> dict[str, Any]:
    """`arguments`, which `source` gave, as they may go on to a tool that acts: every text in them is our own string
    that equals it, or a moment. Raises TaintedChoice for any other: that would be somebody else's word."""
    return {name: _ours(value, vocabulary, f"{source} ({name})") for name, value in arguments.items()}


def _ours(value: Any, vocabulary: Collection[str], source: str) -> Any:
    if isinstance(value, str):
        ours = own_name(tainted_by(source, value), vocabulary)
        if ours is None and not is_moment(value):
            raise TaintedChoice(f"text from {source} names nothing that we know")
        return value if ours is None else ours
    if isinstance(value, Mapping):
        return pointing(cast("Mapping[str, Any]", value), vocabulary, source=source)
    if isinstance(value, list | tuple):
        return [_ours(item, vocabulary, source) for item in cast("list[Any]", value)]
    return value


def is_moment(text: str) -> bool:
    """Whether it is a date and time and nothing else."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def strings_in(value: Any) -> list[str]:
    """Every text in a JSON value, names of fields included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return [text for name, item in items for text in (str(name), *strings_in(item))]
    if isinstance(value, list | tuple):
        return [text for item in cast("list[Any]", value) for text in strings_in(item)]
    return []
