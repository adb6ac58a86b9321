"""How far a run over many rows has come."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from platform_core.features.ranged import Advance


@contextmanager
def chunk_progress(title: str, *, shown: bool) -> Generator[Callable[[Advance], None]]:
    """A bar on stderr with events done, rows written and the time left; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal), transient=True) as progress:
        task = progress.add_task(title, total=None, rows=0)

        def on_chunk(advance: Advance) -> None:
            progress.update(task, completed=advance.done, total=advance.total, rows=advance.rows)

        yield on_chunk
