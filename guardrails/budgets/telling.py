"""What a spent budget looks like on the card: what ran out, and who finished the job."""

from __future__ import annotations

from collections.abc import Sequence

from guardrails.budgets.types import Resource, Spend

_WORDS: dict[Resource, str] = {
    "tokens": "model tokens",
    "microdollars": "model dollars",
    "tool_calls": "tool calls",
    "actions": "actions",
    "wall_ms": "wall time",
}


def told(spends: Sequence[Spend]) -> str | None:
    """One line; None when nothing was refused."""
    spent = [f"{_WORDS[name]} of the {spend.scope}" for spend in spends for name in spend.exceeded]
    if not spent:
        return None
    return f"budget spent: {', '.join(spent)}; what was left over was finished by rules, without model or further tools"
