"""Arguments as the fields of a form, which must send back unchanged what nobody touched."""

from __future__ import annotations

import json
from typing import Any

from foundation.reasons import require_short
from interfaces.http.services import CopilotServices


def as_typed(value: Any) -> str:
    """An argument as its field has it, and sends it back when nobody touched it."""
    return "" if value is None else one_line_field(value if isinstance(value, str) else json.dumps(value))


def one_line_field(text: str) -> str:
    """A field of one line drops line ends."""
    return text.replace("\r", "").replace("\n", "").strip()


def reason_in(services: CopilotServices, typed: str) -> str:
    """What somebody typed as a reason, fit to be kept. Raises InvalidInput, which is a page, for one too long."""
    require_short("the form", typed)
    return services.outside.text(typed)
