"""Values that a packed row cannot hold are refused by key and feature, not by an error of the packing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foundation.errors import InvalidInput
from platform_core.features.online.rows import FeatureRow
from platform_core.features.online.sqlite import SqliteOnlineStore
from tests.fakes.velocity import NOW


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (10**400, "a whole number of 1329 bits"),
        (1 << 70, "a whole number of 71 bits"),
        (1 << 63, "a whole number of 64 bits and a sign"),
        (-(1 << 63) - 1, "a whole number of 64 bits and a sign"),
        ("a\ud800", "half of a surrogate pair"),
    ],
)
@pytest.mark.parametrize("beside", [1, 0.5, "a"])
def test_it_is_named(tmp_path: Path, value: Any, said: str, beside: Any) -> None:
    if isinstance(value, str) != isinstance(beside, str):
        beside = value
    store = SqliteOnlineStore(tmp_path / "online.db")
    rows = [FeatureRow("k0", NOW, NOW, {"risk": beside}), FeatureRow("k1", NOW, NOW, {"risk": value})]
    with pytest.raises(InvalidInput, match=f"feature 'risk': .*{said}"):
        store.write("br", "card", rows)
