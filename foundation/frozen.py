"""The base of every type that crosses a boundary: immutable, and no unknown key slips through. What was wrong with a
value is said without the value: such errors end in answers, logs and terminals."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
