"""Asking the observed platform's probes, and planting what they should find."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute

from tests.fakes.observed_platform import ObservedPlatform
from tools.contract import Figure, Observation
from tools.registry import observe_tools
from tools.runner import ToolRunner

compute: Any = pyarrow.compute


def ask(platform: ObservedPlatform, tool: str, **arguments: Any) -> Observation:
    observation = ToolRunner(platform.view, observe_tools()).run(tool, arguments).observation
    assert observation.status != "error", observation
    return observation


def minutes_off(figure: Figure, moment: datetime) -> float:
    assert isinstance(figure, str)
    return abs((datetime.fromisoformat(figure) - moment).total_seconds()) / 60


def set_column(rows: pa.Table, column: str, values: Any) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(column), column, values)


def times(factor: float) -> Any:
    return lambda rows: set_column(rows, "amount", compute.multiply(rows["amount"], factor))


def update_spec(platform: ObservedPlatform, name: str, **fields: Any) -> None:
    resource = platform.resources.by_urn[name]
    spec = type(resource.spec).model_validate({**resource.spec.model_dump(), **fields})
    platform.resources.by_urn[name] = resource.model_copy(update={"spec": spec})
