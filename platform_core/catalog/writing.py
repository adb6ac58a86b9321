"""Writes a catalog as the YAML files that people review: what equals its default is left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from foundation.errors import Conflict
from foundation.frozen import Frozen
from platform_core.catalog.loading import SECTIONS
from platform_core.catalog.specs import Catalog


def write_catalog(catalog: Catalog, directory: Path, comments: Sequence[str] = ()) -> list[Path]:
    """One file per kind of thing, `comments` on top of each. Reading them back gives `catalog`.

    Raises Conflict, having written nothing, when one of the files is there already.
    """
    texts = {
        directory / f"{section}.yaml": _comment(comments) + _document(section, items)
        for section in SECTIONS
        if (items := getattr(catalog, section))
    }
    taken = [str(path) for path in texts if path.exists()]
    if taken:
        raise Conflict(f"{', '.join(taken)} would be overwritten", hint="choose another directory")
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def as_written(item: Frozen) -> dict[str, Any]:
    """The keys and values of an item as a file holds them."""
    said = item.model_dump(mode="json", exclude_defaults=True)
    written = {("schema" if key == "features" and "ttl" in said else key): value for key, value in said.items()}
    if isinstance(keys := written.get("join_keys"), list) and len(keys) == 1:
        written["join_key"] = written.pop("join_keys")[0]
    return written


def _document(section: str, items: Sequence[Frozen]) -> str:
    document = {section: [as_written(item) for item in items]}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def _comment(lines: Sequence[str]) -> str:
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)
