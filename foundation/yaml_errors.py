"""What is wrong with a YAML file, in one line with its place: the library says it in five."""

from __future__ import annotations

import yaml


def yaml_problem(error: Exception) -> str:
    """`line 3, column 4: expected <block end>`; other errors as they are, on one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())
