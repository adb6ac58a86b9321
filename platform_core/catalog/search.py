"""Finding things in a catalog: every item and every feature with the words it is found by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Literal

from foundation.errors import InvalidInput, NotFound
from foundation.frozen import Frozen
from platform_core.catalog.specs import Catalog, DataSource, Entity, FeatureService, FeatureView

EntryKind = Literal["entity", "source", "feature_view", "feature", "feature_service"]
Item = Entity | DataSource | FeatureView | FeatureService
_WORD = re.compile(r"[a-z0-9]+")


class Entry(Frozen):
    """A line of a listing. `name` of a feature is `view:feature`; `text` is all that it is found by besides."""

    kind: EntryKind
    name: str
    owner: str
    description: str
    pii: str = "none"
    text: str = ""


def entries(catalog: Catalog) -> Iterator[Entry]:
    """Everything in the catalog, features after their view."""
    for entity in catalog.entities:
        keys = " ".join(entity.join_keys)
        yield Entry(kind="entity", name=entity.name, owner="", description=entity.description, text=keys)
    for source in catalog.sources:
        columns = " ".join(f"{c.name} {c.description}" for c in source.columns)
        text = f"{source.tenant} {source.table} {source.channel} {source.deployment or ''} {columns}"
        yield Entry(kind="source", name=source.name, owner=source.owner, description=source.description, text=text)
    for view in catalog.feature_views:
        text = " ".join((view.entity, *view.sources, *catalog.tenants(view.name), view.channel))
        yield Entry(kind="feature_view", name=view.name, owner=view.owner, description=view.description, text=text)
        yield from _features(view)
    for service in catalog.feature_services:
        text = " ".join((*service.features, *(f"{f.name} {f.description}" for f in service.request_fields)))
        description = service.description
        yield Entry(kind="feature_service", name=service.name, owner=service.owner, description=description, text=text)


def search(catalog: Catalog, query: str, *, limit: int = 20) -> list[Entry]:
    """The entries that have every word of `query` (or a word that begins with it), the best first: words of the name
    count more than those of the description, those more than the rest. When there is none, names that look like it.

    Raises InvalidInput for a query without a word.
    """
    wanted = _words(query)
    if not wanted:
        raise InvalidInput(f"{query!r} has no word to search for", hint="write letters or digits, e.g. amount")
    everything = list(entries(catalog))
    scored = [(_score(entry, wanted), position) for position, entry in enumerate(everything)]
    found = sorted((s, p) for s, p in scored if s is not None)
    if found:
        return [everything[position] for _, position in found[:limit]]
    names = {entry.name: entry for entry in everything}
    return [names[name] for name in get_close_matches(query, list(names), n=min(limit, 5), cutoff=0.5)]


def find(catalog: Catalog, name: str) -> Item:
    """The item called `name`, or `kind:name` where several are, or the view of `view:feature`.

    Raises NotFound, naming the nearest; InvalidInput when the name alone does not say which.
    """
    items: dict[tuple[str, str], Item] = {
        **{("entity", e.name): e for e in catalog.entities},
        **{("source", s.name): s for s in catalog.sources},
        **{("feature_view", v.name): v for v in catalog.feature_views},
        **{("feature_service", s.name): s for s in catalog.feature_services},
    }
    head, colon, tail = name.partition(":")
    if colon and (head, tail) in items:
        return items[head, tail]
    if colon and ("feature_view", head) in items:
        view = catalog.feature_view(head)
        if tail in {feature.name for feature in view.fields}:
            return view
    matching = [key for key in items if key[1] == name]
    if len(matching) == 1:
        return items[matching[0]]
    if matching:
        raise InvalidInput(
            f"{name!r} is several things", hint=f"write {' or '.join(':'.join(key) for key in matching)}"
        )
    known = [key[1] for key in items] + [e.name for e in entries(catalog) if e.kind == "feature"]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "see vigia features list"
    raise NotFound(f"there is nothing called {name!r} in the catalog", hint=hint)


def _features(view: FeatureView) -> Iterator[Entry]:
    aggregations = {a.name: a for a in view.aggregations}
    for feature in view.fields:
        made = aggregations.get(feature.name)
        text = f"{view.entity} {feature.dtype}" + (f" {made.function} {made.column}" if made else "")
        name = f"{view.name}:{feature.name}"
        description = feature.description
        yield Entry(kind="feature", name=name, owner=view.owner, description=description, pii=feature.pii, text=text)


def _score(entry: Entry, wanted: list[str]) -> int | None:
    """Lower is better; None when a word is missing."""
    rest = f"{entry.kind} {entry.owner} {entry.pii} {entry.text}"
    places = [_words(entry.name), _words(entry.description), _words(rest)]
    total = 0
    for word in wanted:
        best: int | None = None
        for weight, words in enumerate(places):
            if word in words:
                best = weight * 2
            elif any(w.startswith(word) for w in words):
                best = weight * 2 + 1
            if best is not None:
                break
        if best is None:
            return None
        total += best
    return total


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
