"""Printing for people (rich) and for programs (one JSON document on stdout)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, cast

from pydantic import BaseModel

PIPED_COLUMNS = 200
"""Width of a table that goes to a file or a pipe, where nothing says how wide a line may be."""


def print_json(value: Any) -> None:
    """`value` (models, containers of models, JSON types) as JSON on stdout."""
    import orjson

    sys.stdout.write(orjson.dumps(plain(value), option=orjson.OPT_INDENT_2).decode() + "\n")


def print_json_line(value: Any) -> None:
    """As `print_json`, in exactly one line."""
    import orjson

    sys.stdout.write(orjson.dumps(plain(value)).decode() + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """Models as JSON types, at any depth."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in cast(dict[Any, Any], value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in cast(Iterable[Any], value)]
    return value


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table, or the line `empty` when there are no rows. Cells are text, never markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from interfaces.terminal.safety import safe_text

    console = Console(width=None if sys.stdout.isatty() or os.environ.get("COLUMNS") else PIPED_COLUMNS)
    cells = [[Text("" if cell is None else safe_text(str(cell))) for cell in row] for row in rows]
    if not cells:
        console.print(Text(empty))
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def print_text(text: str) -> None:
    """`text` on a line of its own, nothing in it obeyed by the terminal."""
    from interfaces.terminal.safety import safe_text

    sys.stdout.write(safe_text(text) + "\n")
