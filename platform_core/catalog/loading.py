"""Reads a catalog from the YAML files of a directory.

Each file holds any of the four lists `entities`, `sources`, `feature_views`, `feature_services`, with the fields of
`platform_core.catalog.specs` (docs/catalog.md has them all) and the shorthands of `platform_core.catalog.shorthand`.
Keys that begin with `x-` are the author's own: a place for anchors. All files together are one catalog. Errors name
the file, the line, the item and the key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.complaints import complaints, suggestion
from platform_core.catalog.references import Origin, check_references
from platform_core.catalog.shorthand import expanded
from platform_core.catalog.specs import Catalog, DataSource, Entity, FeatureService, FeatureView
from platform_core.catalog.yaml_file import YamlFile

SECTIONS: dict[str, type[BaseModel]] = {
    "entities": Entity,
    "sources": DataSource,
    "feature_views": FeatureView,
    "feature_services": FeatureService,
}


def load_catalog(directory: Path) -> Catalog:
    """The catalog in the `*.yaml` files of `directory`, its references checked.

    Raises NotFound when there are none, InvalidInput for anything that does not read, validate or refer.
    """
    files = sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")])
    if not files:
        raise NotFound(f"no catalog in {str(directory)!r}", hint="a catalog is a directory of .yaml files")
    items: dict[str, list[Any]] = {section: [] for section in SECTIONS}
    origins: dict[str, Origin] = {}
    problems: list[str] = []
    for path in files:
        file = _read(path)
        for section, entries in _sections(file).items():
            for position, entry in enumerate(entries):
                item = _item(file, section, position, entry, problems)
                if item is None:
                    continue
                key = f"{section}[{item.name}]"
                if key in origins:
                    first = origins[key]()
                    problems.append(f"{file.at(section, position)}: {key} is already defined in {first}: rename one")
                    continue
                origins[key] = _origin(file, section, position)
                items[section].append(item)
    if problems:
        raise InvalidInput("\n".join(problems))
    catalog = Catalog(**{section: tuple(entries) for section, entries in items.items()})
    check_references(catalog, origins)
    return catalog


def _read(path: Path) -> YamlFile:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name}: cannot be read as text: {error}") from error
    return YamlFile(path.name, text)


def _sections(file: YamlFile) -> dict[str, list[Any]]:
    document: Any = file.document or {}
    if not isinstance(document, dict):
        raise InvalidInput(f"{file.at()}: a catalog file is a mapping of {', '.join(SECTIONS)}")
    for section, entries in document.items():
        if str(section).startswith("x-"):
            continue
        if section not in SECTIONS:
            said = suggestion(str(section), list(SECTIONS))
            raise InvalidInput(f"{file.at(str(section))}: {section}: unknown key{said}")
        if not isinstance(entries, list):
            raise InvalidInput(f"{file.at(str(section))}: {section}: must be a list, is {type(entries).__name__}")
    return {section: entries for section, entries in document.items() if section in SECTIONS}


def _item(file: YamlFile, section: str, position: int, entry: Any, problems: list[str]) -> Any:
    full, positions = expanded(section, entry)
    try:
        return SECTIONS[section].model_validate(full)
    except ValidationError as error:
        problems += complaints(
            file, section, position, entry=full, model=SECTIONS[section], error=error, positions=positions
        )
        return None


def _origin(file: YamlFile, section: str, position: int) -> Origin:
    return lambda *steps: file.at(section, position, *steps)
