"""What may be written shorter in a catalog file than the specs hold it.

An aggregation may give `windows: [1h, 24h]` instead of `window`: one feature for each of them, called
`<name>_<window>`. Without a name it is `<column>_<function>`, also in front of a single window.
"""

from __future__ import annotations

from typing import Any, cast


def expanded(section: str, entry: Any) -> tuple[Any, list[int]]:
    """`entry` in full, and for each of its aggregations the position in the file of the one that it comes from."""
    if section != "feature_views" or not isinstance(entry, dict):
        return entry, []
    view = cast(dict[str, Any], entry)
    if not isinstance(view.get("aggregations"), list):
        return view, []
    full: list[Any] = []
    positions: list[int] = []
    for position, aggregation in enumerate(view["aggregations"]):
        ones = _windows(aggregation)
        full += ones
        positions += [position] * len(ones)
    return {**view, "aggregations": full}, positions


def _windows(aggregation: Any) -> list[Any]:
    if not isinstance(aggregation, dict):
        return [aggregation]
    one = cast(dict[str, Any], aggregation)
    several: Any = one.get("windows")
    stem = one.get("name") or f"{one.get('column')}_{one.get('function')}"
    if "window" in one or not isinstance(several, list):
        return [one if "name" in one or "windows" in one else {**one, "name": f"{stem}_{one.get('window')}"}]
    rest = {key: value for key, value in one.items() if key != "windows"}
    windows = cast(list[Any], several)
    return [{**rest, "name": f"{stem}_{window}", "window": window} for window in windows]
