"""What the demo was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoOptions:
    """As on the command line of `vigia demo`."""

    fault: str = "unit_change"
    approve_as: str | None = None
    reject: bool = False
    json: bool = False
    data_dir: Path | None = None
    keep: bool = False
    speed: float = 60
    seed: int = 7
    port: int = 0
