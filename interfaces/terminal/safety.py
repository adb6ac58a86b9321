"""Text from outside, made safe for a terminal.

Error messages, change summaries and evidence come from systems we do not control. A terminal obeys escape sequences
(move the cursor, rewrite lines, set the title) and text direction marks, so a text could make a card say what it does
not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)

# C0 without tab and newline, DEL, C1, and the marks that reorder text (Unicode UAX #9, explicit formatting).
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


def safe_text(text: str) -> str:
    """`text` with every character that a terminal would obey replaced by U+FFFD."""
    return _UNSAFE.sub("\ufffd", text)


def safe_model(model: M) -> M:
    """The same model with all its texts safe."""
    return type(model).model_validate(_safe(model.model_dump()))


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, Mapping):
        return {_safe(key): _safe(item) for key, item in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = cast("list[Any]", value)
        return type(value)(_safe(item) for item in items)
    return value
