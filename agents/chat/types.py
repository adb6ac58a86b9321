"""Questions that were understood, and answers that cite."""

from __future__ import annotations

from typing import Any, Literal

from foundation.frozen import Frozen
from tools.contract import ObservationStatus

Intent = Literal[
    "why", "changes", "freshness", "decisions", "cost", "latency", "incident", "incidents", "approvals", "help"
]


class PlannedCall(Frozen):
    """An observe tool and its arguments, before it is run."""

    tool: str
    arguments: dict[str, Any]


class Citation(Frozen):
    """What a sentence of an answer rests on: `T1`, `T2`, … within the answer. `source` is the tool, or the store."""

    id: str
    source: str
    arguments: dict[str, Any]
    status: ObservationStatus
    summary: str
    digest: str | None = None


class Answer(Frozen):
    """`author` is `rules`, or the name of the model that wrote it; `note` says what was left out and why."""

    question: str
    intent: Intent
    text: str
    citations: tuple[Citation, ...]
    author: str = "rules"
    note: str | None = None
