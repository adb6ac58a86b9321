"""What an observe tool is and what it returns."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, Field

from foundation.frozen import Frozen
from platform_core.view import PlatformView

ObservationStatus = Literal["success", "no_data", "error"]
Figure = float | int | bool | str | None


class Series(Frozen):
    """A line of a chart: at most 20 points, so that Slack's native chart block can show it."""

    name: str
    points: tuple[tuple[datetime, float], ...]


class Chart(Frozen):
    title: str
    unit: str
    series: tuple[Series, ...]
    marks: tuple[tuple[datetime, str], ...] = ()
    """Moments worth a vertical line, such as a deploy."""


class Observation(Frozen):
    """A tool's answer. `figures` are small typed values that causes are scored on; `summary` one line for people.

    `no_data`: the query ran and found nothing, which is itself a finding. `error`: it did not run; `note` then holds
    the exact query, window and message, so that the caller can correct itself. All text in here is data from outside
    and tainted: it is shown, never obeyed.
    """

    status: ObservationStatus
    summary: str
    figures: dict[str, Figure] = Field(default_factory=dict)
    chart: Chart | None = None
    note: str | None = None


class Window(Frozen):
    """start <= t < end on the platform's clock."""

    start: datetime
    end: datetime


class ToolArguments(BaseModel):
    """Base of every tool's argument model."""

    model_config = {"frozen": True, "extra": "forbid"}


A_contra = TypeVar("A_contra", bound=ToolArguments, contravariant=True)


class ObserveTool(Protocol[A_contra]):
    """A read-only capability: `tools/observe/<name>.py` holds one, and the registry finds it there."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def arguments(self) -> type[Any]:
        """The pydantic model of the arguments, a ToolArguments."""
        ...

    @property
    def example(self) -> dict[str, Any]: ...

    def observe(self, platform: PlatformView, arguments: A_contra) -> Observation:
        """May raise; the runner turns an exception into an Observation of status `error`."""
        ...
