"""Reads a catalog from the YAML files of a directory.

Each file holds any of the four lists `entities`, `sources`, `feature_views`, `feature_services`, with the fields of
`platform_core.catalog.specs`; durations are written `24h`, `10m`. All files together are one catalog. Errors name the
file, the item and the key.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.durations import parse_duration
from platform_core.catalog.references import check_references
from platform_core.catalog.specs import Catalog, DataSource, Entity, FeatureService, FeatureView

_SECTIONS: dict[str, type[BaseModel]] = {
    "entities": Entity,
    "sources": DataSource,
    "feature_views": FeatureView,
    "feature_services": FeatureService,
}
_DURATIONS = frozenset({"window", "ttl", "freshness_sla"})


def load_catalog(directory: Path) -> Catalog:
    """The catalog in the `*.yaml` files of `directory`, its references checked.

    Raises NotFound when there are none, InvalidInput for anything that does not read, validate or refer.
    """
    files = sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")])
    if not files:
        raise NotFound(f"no catalog in {str(directory)!r}", hint="a catalog is a directory of .yaml files")
    items: dict[str, list[Any]] = {section: [] for section in _SECTIONS}
    origins: dict[str, str] = {}
    for path in files:
        for section, entries in _document(path).items():
            for position, entry in enumerate(entries):
                item: Any = _item(path.name, section, position, entry)
                key = f"{section}[{item.name}]"
                if key in origins:
                    raise InvalidInput(f"{path.name}: {key} is already defined in {origins[key]}")
                origins[key] = path.name
                items[section].append(item)
    catalog = Catalog(**{section: tuple(entries) for section, entries in items.items()})
    check_references(catalog, origins)
    return catalog


def _document(path: Path) -> dict[str, list[Any]]:
    try:
        document: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name}: not YAML: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path.name}: a catalog file is a mapping of {', '.join(_SECTIONS)}")
    for section, entries in document.items():
        if str(section).startswith("x-"):
            continue
        if section not in _SECTIONS:
            raise InvalidInput(f"{path.name}: {section}: unknown key{_suggestion(str(section), list(_SECTIONS))}")
        if not isinstance(entries, list):
            raise InvalidInput(f"{path.name}: {section}: must be a list, is {type(entries).__name__}")
    return {section: entries for section, entries in document.items() if section in _SECTIONS}


def _item(file: str, section: str, position: int, entry: Any) -> BaseModel:
    name = entry.get("name", position) if isinstance(entry, dict) else position
    where = f"{file}: {section}[{name}]"
    try:
        return _SECTIONS[section].model_validate(_with_durations(entry, where))
    except ValidationError as error:
        raise InvalidInput("\n".join(_explain(where, section, entry, e) for e in error.errors())) from error


def _with_durations(value: Any, where: str) -> Any:
    if isinstance(value, list):
        return [_with_durations(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    result: dict[Any, Any] = {}
    for key, inner in value.items():
        if key in _DURATIONS and not isinstance(inner, dict | list):
            try:
                result[key] = parse_duration(str(inner))
            except InvalidInput as error:
                raise InvalidInput(f"{where}.{key}: {error.message}", hint=error.hint) from error
        else:
            result[key] = _with_durations(inner, f"{where}.{key}")
    return result


def _explain(where: str, section: str, entry: Any, error: Any) -> str:
    location, model = where, _SECTIONS[section]
    for index, step in enumerate(error["loc"]):
        if isinstance(step, int):
            entry = entry[step]
            location += f"[{entry['name'] if isinstance(entry, dict) and 'name' in entry else step}]"
            continue
        location += f".{step}"
        if error["type"] == "extra_forbidden" and index == len(error["loc"]) - 1:
            return f"{location}: unknown key{_suggestion(str(step), list(model.model_fields))}"
        model = _element(model, str(step)) or model
        entry = entry.get(step) if isinstance(entry, dict) else None
    given = "" if error["type"] == "missing" else f", got {error['input']!r}"
    return f"{location}: {error['msg'][:1].lower()}{error['msg'][1:]}{given}"


def _element(model: type[BaseModel], field: str) -> type[BaseModel] | None:
    if field not in model.model_fields:
        return None
    arguments = get_args(model.model_fields[field].annotation)
    return next((a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)), None)


def _suggestion(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys: {', '.join(known)}"
