"""The faults by name. A new one is one file and one line here."""

from __future__ import annotations

from platform_core.simulation.faults import (
    bad_canary,
    idle_endpoint,
    nothing,
    null_burst,
    online_store_slow,
    population_shift,
    renamed_column,
    source_stopped,
    unit_change,
)
from platform_core.simulation.faults.fault import Fault

FAULTS: dict[str, Fault] = {
    module.FAULT.name: module.FAULT
    for module in (
        nothing,
        source_stopped,
        renamed_column,
        null_burst,
        unit_change,
        population_shift,
        bad_canary,
        online_store_slow,
        idle_endpoint,
    )
}

__all__ = ["FAULTS", "Fault"]
