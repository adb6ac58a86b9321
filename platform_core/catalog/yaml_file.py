"""One YAML file of a catalog, read so that every complaint about it can name the line."""

from __future__ import annotations

from typing import Any

import yaml

from foundation.errors import InvalidInput


class YamlFile:
    """`document` is what the file holds; `at` says where in the file a part of it stands."""

    def __init__(self, name: str, text: str) -> None:
        """Raises InvalidInput for what is not YAML, and for a key that is written twice in one mapping."""
        self.name = name
        loader = yaml.SafeLoader(text)
        try:
            self._root: yaml.Node | None = loader.get_single_node()
            if self._root is not None:
                self._refuse_repeated_keys(self._root, set())
            # Constructing flattens merge keys (`<<`) in the nodes too: `at` then finds what they brought.
            self.document: Any = None if self._root is None else loader.construct_document(self._root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = name if mark is None else f"{name}:{mark.line + 1}"
            said = ", ".join(part for part in (error.context, error.problem) if part)
            raise InvalidInput(
                f"{at}: not YAML: {said}", hint="indent with spaces, and quote texts with : # [ or {"
            ) from error
        except yaml.YAMLError as error:
            raise InvalidInput(f"{name}: not YAML: {str(error).partition(chr(10))[0]}") from error
        finally:
            loader.dispose()

    def at(self, *steps: str | int) -> str:
        """`file:line` of the part that `steps` lead to, or of the last of them that is there.

        A step is a key of a mapping, the position of an item of a list, or an item's name (its value, if it is text).
        """
        node, line = self._root, 1 if self._root is None else self._root.start_mark.line + 1
        for step in steps:
            found = _part(node, step)
            if found is None:
                break
            line, node = found
        return f"{self.name}:{line}"

    def _refuse_repeated_keys(self, node: yaml.Node, seen: set[int]) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._refuse_repeated_keys(item, seen)
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys and key.value != "<<":
                    raise InvalidInput(f"{self.name}:{key.start_mark.line + 1}: {key.value!r} is written twice")
                keys.add(str(key.value))
                self._refuse_repeated_keys(value, seen)


def _part(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line where the part begins, and the part."""
    if isinstance(node, yaml.MappingNode):
        # The last of equal keys holds: flattening puts what is merged in before the mapping's own.
        for key, value in reversed(node.value):
            if key.value == str(step):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            if position == step or (isinstance(step, str) and _name(item) == step):
                return item.start_mark.line + 1, item
    return None


def _name(node: yaml.Node) -> str | None:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    found = _part(node, "name") if isinstance(node, yaml.MappingNode) else None
    return None if found is None else str(found[1].value)
