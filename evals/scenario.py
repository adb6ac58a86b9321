"""A scenario: what is broken, and what a good copilot makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import ValidationError

from foundation.errors import InvalidInput
from foundation.frozen import Frozen

SCENARIOS = Path(__file__).parent / "scenarios"


class Scenario(Frozen):
    """`easy` ones are a gate: a change that fails one is not merged. None stands for the healthy control."""

    fault: str
    difficulty: Literal["easy", "medium", "hard"]
    verdict: Literal["cause", "no_fault"] | None
    cause: str | None
    tool: str | None
    """The action that mends it."""

    why: str


def load_scenarios(directory: Path = SCENARIOS) -> dict[str, Scenario]:
    """By name. Raises InvalidInput naming the file."""
    found: dict[str, Scenario] = {}
    for path in sorted(directory.glob("*.yaml")):
        try:
            found[path.stem] = Scenario.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (ValidationError, yaml.YAMLError) as error:
            raise InvalidInput(f"{path.name}: {error}") from error
    return found
