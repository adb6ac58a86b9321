"""What to say of a name that there is not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 20


def did_you_mean(given: str, known: Iterable[str], *, none: str = "there is none yet") -> str:
    """A hint: the nearest of `known`, or else which there are; `none` where nothing is known."""
    names = list(known)
    close = get_close_matches(given, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"one of {', '.join(names[:_MOST])}{more}" if names else none
