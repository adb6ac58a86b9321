"""The reference page of the catalog's files: `python -m platform_core.catalog.reference > docs/catalog.md`.

Keys, types and defaults come from the models, what they mean from the models' own docstrings.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from datetime import timedelta
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from platform_core.catalog.complaints import written_name
from platform_core.catalog.durations import format_duration
from platform_core.catalog.specs import (
    Aggregation,
    Column,
    DataSource,
    Entity,
    Feature,
    FeatureService,
    FeatureView,
    RequestField,
    ServiceMonitors,
    SourceMonitors,
    ViewMonitors,
)

INTRODUCTION = """\
# The catalog's files

A catalog is a directory of YAML files (`VIGIA__CATALOG_PATH`). Each holds any of the lists `entities`, `sources`,
`feature_views` and `feature_services`; all files together are one catalog. A key that is not below is refused with the
nearest one that is, and every complaint names file, line, item and key. Keys that begin with `x-` are yours: a place
for YAML anchors. Durations are written `20ms`, `30s`, `10m`, `24h`, `7d`, `1h30m`.

```console
$ vigia features plan catalog       # what would change, and who reads what changes
$ vigia features apply catalog      # a new immutable version, in the audit log with who and what
$ vigia features list | search amount | describe card_velocity | card card_velocity
```

`plan` exits with 0 when the files could be applied, 1 when that would be refused, 2 when the files are wrong, and with
`--exit-code` 3 when there are changes to apply. `apply` takes a person with the role admin (`VIGIA_API_KEY`), and
refuses when the version in force is not `--base`, when the files do not have the `--digest` that was reviewed, and
when a model in production reads what they take away or change (also a ttl, or where a source's rows lie): its version
and endpoint are named. They must act for every tenant whose items change or go. Ways out of a refusal: add the
new feature under a new name, train and roll out a version on it, then remove the old one.

Every environment (`VIGIA__ENVIRONMENT`, production when not set) has its own versions and sees only the items whose
`environments` name it. What was applied last is what processes start with; until something was, they read the files.
"""

FEAST = """\
## Coming from Feast

```console
$ vigia features import-feast path/to/repository --output catalog --tenant br
$ export VIGIA__ONLINE__KIND=feast VIGIA__ONLINE__URL=path/to/repository VIGIA__ONLINE__TENANT=br
```

The first writes what the repository's registry declares as files like those above (it needs the extra `feast`) and says
what it could not carry over: on demand and stream feature views, transformations in Python, views without an entity,
lists and maps, aliases within services, sources that are not local Parquet or Delta files. Guesses are named, too: a
ttl where Feast has none, types where file and declaration differ. The second reads Feast's SQLite online store (entity
keys of version 3) in place, without Feast; nothing of Feast's is ever written.

Where Feast 0.67 and this differ, by intention (`tests/integration/test_feast_repository.py` shows each):

| | Feast | here |
|---|---|---|
| online, a value older than the ttl | handed out | `expired`, no value |
| training rows, every candidate expired | the row is dropped | the row stays, null, `expired` |
| training rows, equal keys and times | one of them is left | all of them, in their order |

Times without a zone in Feast's files are refused: write them as UTC.
"""

SECTIONS: tuple[tuple[str, tuple[type[BaseModel], ...]], ...] = (
    ("entities", (Entity,)),
    ("sources", (DataSource, Column, SourceMonitors)),
    ("feature_views", (FeatureView, Aggregation, Feature, ViewMonitors)),
    ("feature_services", (FeatureService, RequestField, ServiceMonitors)),
)
_SHORTHAND = {
    Entity: "`join_key: card_id` is short for `join_keys: [card_id]`.",
    Aggregation: "`windows: [1h, 24h]` instead of `window` is one feature for each, called `<name>_<window>`. Without "
    "a name it is `<column>_<function>_<window>`.",
}


def reference() -> str:
    parts = [INTRODUCTION]
    for section, models in SECTIONS:
        parts.append(f"## `{section}`\n")
        for place, model in enumerate(models):
            if place:
                parts.append(f"### {_title(model)}\n")
            parts += [f"{_flat(inspect.getdoc(model) or '')}\n", _table(model)]
            if model in _SHORTHAND:
                parts.append(f"{_SHORTHAND[model]}\n")
    return "\n".join([*parts, FEAST])


def _table(model: type[BaseModel]) -> str:
    said = _docstrings(model)
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = "**needed**" if field.is_required() else f"`{_default(field)}`"
        rows.append(f"| `{written_name(model, name)}` | {_type(field.annotation)} | {default} | {said.get(name, '')} |")
    return "\n".join(rows) + "\n"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if type(annotation).__name__ == "UnionType" or origin is Union:
        kinds = [_type(a) for a in arguments if a is not NoneType]
        return " or ".join([*kinds, "null"] if NoneType in arguments else kinds)
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{_title(annotation)}](#{_title(annotation).replace(' ', '-')})"
    names = {str: "text", float: "number", int: "whole number", bool: "true or false", timedelta: "duration"}
    return names.get(annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else value or '""'


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of the class, which Python does not keep."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    found: dict[str, str] = {}
    name = None
    for node in body.body if isinstance(body, ast.ClassDef) else ():
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)):
                continue
            case ast.Expr(value=ast.Constant(value=str(text))) if name is not None:
                found[name] = _flat(text)
            case _:
                pass
        name = None
    return found


def _title(model: type[BaseModel]) -> str:
    return "".join(f" {c.lower()}" if c.isupper() else c for c in model.__name__).strip()


def _flat(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.stdout.write(reference())
