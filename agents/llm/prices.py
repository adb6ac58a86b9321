"""What a call costs, by LiteLLM's price list as it lies on this machine: read as a file, without importing LiteLLM."""

from __future__ import annotations

import importlib.util
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

_FILE = "model_prices_and_context_window_backup.json"


def cost_microdollars(model: str, input_tokens: int, output_tokens: int) -> int | None:
    """In millionths of a dollar, rounded up; None for a model without a price (one of our own, say)."""
    price = _prices().get(model) or _prices().get(model.rpartition("/")[2])
    if price is None:
        return None
    dollars = input_tokens * price[0] + output_tokens * price[1]
    return math.ceil(dollars * 1_000_000)


@cache
def _prices() -> dict[str, tuple[float, float]]:
    """Dollars per token in and out, by model name; empty where LiteLLM is not installed."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        return {}
    path = Path(next(iter(spec.submodule_search_locations))) / _FILE
    try:
        listed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found = {name: _price(entry) for name, entry in listed.items() if isinstance(entry, dict)}
    return {name: price for name, price in found.items() if price is not None}


def _price(entry: dict[str, Any]) -> tuple[float, float] | None:
    pair = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if not all(isinstance(value, int | float) and 0 <= value < 1 for value in pair):
        return None
    return float(pair[0] or 0), float(pair[1] or 0)
