"""The reference in docs is what the tools say of themselves."""

from __future__ import annotations

from pathlib import Path

from tools.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "tools.md"


def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: python -m tools.reference > docs/reference/tools.md"
