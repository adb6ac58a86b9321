"""Reads the settings, or says in one line per mistake what is wrong with them."""

from __future__ import annotations

import os

from pydantic import ValidationError
from pydantic_settings import SettingsError

from foundation.errors import InvalidInput
from interfaces.settings.consistency import contradictions
from interfaces.settings.model import Settings
from interfaces.settings.references import use_vault, with_urls
from interfaces.settings.schema import Leaf, unknown_variables

_HINT = "vigia config check shows every setting"


def load_settings() -> Settings:
    """The settings of this process. Raises InvalidInput naming every variable that is unknown or does not fit."""
    settings, problems = try_settings()
    if settings is not None:
        problems += contradictions(settings)
    if settings is None or problems:
        raise InvalidInput("; ".join(problems), hint=_HINT)
    use_vault(settings)
    return with_urls(settings)


def try_settings() -> tuple[Settings | None, list[str]]:
    """The settings, if they can be read, and one line per problem; a line never holds a value."""
    problems = [f"{variable} is not a setting: {hint}" for variable, hint in unknown_variables(os.environ).items()]
    try:
        return Settings(), problems
    except ValidationError as error:
        # An unknown variable of a section is also an extra key of its model: it has been named with its hint.
        return None, problems + [line for line in _describe(error) if not _is_named(line, problems)]
    except SettingsError as error:
        return None, [*problems, f"the environment cannot be read: {error}; a whole section takes a JSON object"]


def _describe(error: ValidationError) -> list[str]:
    lines: list[str] = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        variable = Leaf(tuple(str(part) for part in item["loc"])).variable
        lines.append(f"{variable}: {item['msg'][:1].lower()}{item['msg'][1:]}")
    return lines


def _is_named(line: str, problems: list[str]) -> bool:
    return any(problem.upper().startswith(line.split(":", 1)[0] + " ") for problem in problems)
