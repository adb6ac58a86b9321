"""How an observe tool declares itself: one value per file, read by the registry and the generated reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from platform_core.view import PlatformView
from tools.contract import Observation, ToolArguments

A = TypeVar("A", bound=ToolArguments)


@dataclass(frozen=True)
class Tool(Generic[A]):
    """An ObserveTool. `figures` says what each figure means and its unit; a name such as `moved_<source>` stands for
    one figure per source. A contract test holds every tool to its own table."""

    name: str
    summary: str
    arguments: type[A]
    example: dict[str, Any]
    figures: Mapping[str, str]
    run: Callable[[PlatformView, A], Observation]

    def observe(self, platform: PlatformView, arguments: A) -> Observation:
        return self.run(platform, arguments)
