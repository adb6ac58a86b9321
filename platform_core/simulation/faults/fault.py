"""What a fault is: something that goes wrong at the place where it would really go wrong.

A fault changes the world (a process crashes, a version is released, people behave differently) and never writes a
symptom: whatever monitors and tools see later was caused. One exception, because its cause takes weeks:
`idle_endpoint` writes the fortnight of usage and the change event that such a fortnight would have left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from platform_core.simulation.world import World


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    title: str
    cause: str | None
    """Id of the cause that a good diagnosis names; None when nothing is wrong."""

    inject: Callable[[World], None]
