"""Reads a policy file strictly: unknown keys, repeated keys and contradictions are refused with their line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from foundation.errors import InvalidInput
from foundation.yaml_errors import yaml_problem
from guardrails.policy.document import PolicyDocument

DEFAULT_POLICY = Path(__file__).with_name("default_policy.yaml")


def load_document(path: Path) -> PolicyDocument:
    """The policy in the YAML file at `path`. Raises InvalidInput naming file, line and reason."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the policy {str(path)!r} cannot be read: {error}") from error
    return parse_document(text, where=str(path))


@cache
def built_in() -> PolicyDocument:
    """The policy that holds where no file is given. Read once: it is a part of the program."""
    return load_document(DEFAULT_POLICY)


def parse_document(text: str, *, where: str) -> PolicyDocument:
    """As `load_document`, from text; `where` names it in errors."""
    try:
        node, value = _read(text)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # ValueError: a date that is none. RecursionError: brackets without end.
        raise InvalidInput(f"{where}: not YAML: {yaml_problem(error)}") from error
    except _AliasFound as found:
        raise InvalidInput(f"{where}: line {found.line}: write it out, aliases are not followed") from None
    if not isinstance(node, yaml.MappingNode):
        raise InvalidInput(f"{where}: a policy is a mapping with version, rules and freezes")
    _refuse_repeated_keys(node, where)
    try:
        return PolicyDocument.model_validate(value)
    except ValidationError as error:
        problems = [f"line {_line(node, e['loc'])}: {_place(e['loc'])}{e['msg']}" for e in error.errors()]
        raise InvalidInput(f"{where}: {'; '.join(problems)}") from error


class _AliasFound(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _WithoutAliases(yaml.SafeLoader):
    # An alias can contain itself, or grow a few lines into gigabytes; and who reviews the file sees the rule elsewhere.
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _AliasFound(self.peek_event().start_mark.line + 1)
        return super().compose_node(parent, index)


def _read(text: str) -> tuple[yaml.Node | None, Any]:
    """The one document in `text`: its nodes, which know their lines, and its value."""
    loader = _WithoutAliases(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_repeated_keys(node: yaml.Node, where: str) -> None:
    # PyYAML keeps the last of two equal keys: `effect: deny` above `effect: allow` would read as allow.
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(child, where)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise InvalidInput(f"{where}: line {key.start_mark.line + 1}: a key is a word")
            if key.value in seen:
                raise InvalidInput(f"{where}: line {key.start_mark.line + 1}: key {key.value!r} is given twice")
            seen.add(key.value)
            _refuse_repeated_keys(child, where)


def _line(node: yaml.Node, location: Sequence[int | str]) -> int:
    """The line of the innermost node on the way to `location` that exists in the file."""
    for step in location:
        child = _child(node, step)
        if child is None:
            break
        node = child
    return node.start_mark.line + 1


def _child(node: yaml.Node, step: Any) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None


def _place(location: Sequence[int | str]) -> str:
    return f"{'.'.join(str(step) for step in location)}: " if location else ""
