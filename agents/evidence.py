"""Evidence: one tool's answer, numbered within its incident so that a sentence can cite it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from foundation.frozen import Frozen
from tools.contract import Observation


class Evidence(Frozen):
    """`id` is `E1`, `E2`, … within the incident. `digest` is SHA-256 over tool, arguments and observation."""

    id: str
    incident_id: str
    tool: str
    arguments: dict[str, Any]
    observation: Observation
    digest: str
    collected_at: datetime
    wall_ms: float
    tainted: bool = True
