"""Progress bars on stderr for long work; nothing where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from platform_core.features.ranged import Advance


@contextmanager
def rows_progress(title: str, *, shown: bool = True) -> Generator[Callable[[int, int], None]]:
    """Yields `advance(done, total)`, in rows."""
    with _bars(shown) as bars:
        task = bars.add_task(title, total=None, note="")

        def advance(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield advance


@contextmanager
def chunk_progress(title: str, *, shown: bool) -> Generator[Callable[[Advance], None]]:
    """Yields a callback for each chunk: events done, rows written and the time left."""
    with _bars(shown) as bars:
        task = bars.add_task(title, total=None, note="")

        def on_chunk(advance: Advance) -> None:
            bars.update(task, completed=advance.done, total=advance.total, note=f"{advance.rows:,} rows")

        yield on_chunk


@contextmanager
def steps_progress(*, shown: bool = True) -> Generator[Callable[[str], None]]:
    """Yields `tell(what)`: what is being done now."""
    from rich.console import Console

    console = Console(stderr=True)
    if not (shown and console.is_terminal):
        yield lambda what: None
        return
    with console.status("starting") as status:
        yield status.update


def _bars(shown: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, disable=not (shown and console.is_terminal), transient=True)
