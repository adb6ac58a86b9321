"""What text from outside may not choose, and the one way in which it may point at something.

A *tool that acts*, an *egress destination* and an *approver* are never chosen by a tainted value, whatever it says. A
*known name* (an observe tool, a resource of the catalog) may be pointed at: what comes back is our own string out of
our own vocabulary, compared exactly, without folding or guessing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NewType, TypeVar, cast
from urllib.parse import urlsplit

from foundation.errors import InvalidInput
from guardrails.taint.tainted import Tainted, TaintedChoice

ActTool = NewType("ActTool", str)
Destination = NewType("Destination", str)
"""scheme://host[:port] of something that we may send to."""
ApproverId = NewType("ApproverId", str)

V = TypeVar("V")


def act_tool(name: str | Tainted[Any], registry: Collection[str]) -> ActTool:
    """The act tool of that name, when it is our own code that names it. Raises TaintedChoice, InvalidInput."""
    if isinstance(name, Tainted):
        raise TaintedChoice(f"text from {name.provenance.source} may not choose a tool that acts")
    if name not in registry:
        raise InvalidInput(f"there is no action {name!r}")
    return ActTool(name)


def approver(principal_id: str | Tainted[Any]) -> ApproverId:
    """Raises TaintedChoice; whether the person may approve is the policy's matter."""
    if isinstance(principal_id, Tainted):
        raise TaintedChoice(f"text from {principal_id.provenance.source} may not name an approver")
    if not principal_id.startswith("human:"):
        raise InvalidInput(f"{principal_id!r} is no person")
    return ApproverId(principal_id)


def destination(url: str | Tainted[Any], allowed: Collection[str]) -> Destination:
    """Where to send, when our settings name it: origins are compared, and user info is refused. Raises TaintedChoice,
    InvalidInput."""
    if isinstance(url, Tainted):
        raise TaintedChoice(f"text from {url.provenance.source} may not choose where anything is sent")
    origin = _origin(url)
    if origin not in {_origin(known) for known in allowed}:
        raise InvalidInput(f"{origin} is not among the destinations of the settings")
    return Destination(origin)


def known(name: str | Tainted[str], vocabulary: Mapping[str, V]) -> V | None:
    """What our vocabulary holds under exactly this name; None when it holds nothing. The name is not passed on."""
    plain = name.inspect() if isinstance(name, Tainted) else name
    return vocabulary.get(plain)


def own_name(name: str | Tainted[str], vocabulary: Collection[str]) -> str | None:
    """Our own string that equals `name`; None when there is none."""
    plain = name.inspect() if isinstance(name, Tainted) else name
    return next((ours for ours in vocabulary if ours == plain), None)


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


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise InvalidInput("a destination is an http or https address without user info")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname.lower()}:{port}"
