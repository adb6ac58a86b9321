"""What the demo says while it works: one line per thing done, with how long it took, and a spinner for the current one.

On standard error when the story is wanted as JSON, so that standard output holds nothing but the object.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

from interfaces.terminal.safety import safe_text


class Teller:
    def __init__(self, *, json: bool) -> None:
        self.console = Console(stderr=json, highlight=False)
        self._status: Status | None = None
        self._began = time.perf_counter()

    @contextmanager
    def step(self, text: str) -> Generator[None]:
        """A spinner with `text` around a block; the line stays when the block ends well."""
        began = time.perf_counter()
        with self.console.status(Text(text)) as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None
        self.say(f"{text}  {time.perf_counter() - began:.1f} s")

    def detail(self, text: str) -> None:
        """What the current step is about, behind the spinner."""
        if self._status is not None:
            self._status.update(Text(safe_text(text)))

    def say(self, text: str) -> None:
        line = Text(f"{time.perf_counter() - self._began:6.1f} s  ", style="dim")
        self.console.print(line + Text(safe_text(text)))

    def show(self, what: RenderableType) -> None:
        self.console.print(what)
