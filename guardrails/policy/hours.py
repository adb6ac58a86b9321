"""A weekly window in somebody's local time: office hours, a night shift, a maintenance window."""

from __future__ import annotations

from datetime import datetime, time
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ConfigDict, Field, field_validator, model_validator

from foundation.frozen import Frozen

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(Frozen):
    """`from` <= local time < `to` on `days`; a window with `to` before `from` runs over midnight and belongs to the
    day on which it starts."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    start: time = Field(alias="from")
    end: time = Field(alias="to")
    zone: str

    @field_validator("start", "end", mode="before")
    @classmethod
    def _clock_time(cls, value: object) -> object:
        # YAML 1.1 reads 18:30 without quotes as the number 1110, in base 60.
        if isinstance(value, int):
            raise ValueError('write times in quotes: "08:30"')  # noqa: TRY004 - pydantic turns a ValueError into a line
        return value

    @field_validator("start", "end")
    @classmethod
    def _without_zone(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError("a time of day takes its zone from `zone`")
        return value

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not a time zone, e.g. America/Sao_Paulo") from error
        return value

    @model_validator(mode="after")
    def _some_time(self) -> Hours:
        if self.start == self.end:
            raise ValueError("the window is empty: from and to are the same")
        return self

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def hold(self, at: datetime) -> bool:
        """Whether `at` (aware) lies in the window."""
        local = at.astimezone(self._zone)
        now, today = local.time(), DAYS[local.weekday()]
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        yesterday = DAYS[local.weekday() - 1]
        return (today in self.days and now >= self.start) or (yesterday in self.days and now < self.end)
