"""The reference page says what the models say."""

from __future__ import annotations

from pathlib import Path

from platform_core.catalog.complaints import yaml_keys
from platform_core.catalog.reference import SECTIONS, reference

PAGE = Path(__file__).parents[4] / "docs" / "catalog.md"


def test_the_page_is_current() -> None:
    said = "run: python -m platform_core.catalog.reference > docs/catalog.md"
    assert PAGE.read_text(encoding="utf-8") == reference(), said


def test_every_key_is_on_it() -> None:
    page = reference()
    for section, models in SECTIONS:
        assert f"## `{section}`" in page
        for model in models:
            assert all(f"`{key}" in page for key in yaml_keys(model)), model
