"""What the demo prints with `--json`: one object that tells the whole story."""

from __future__ import annotations

from typing import Any

from agents.incident.card import IncidentCard
from foundation.frozen import Frozen


class AuditResult(Frozen):
    entries: int
    verified: bool


class Seconds(Frozen):
    """Of the wall. None for what did not happen."""

    boot: float
    alert_to_diagnosis: float | None = None
    approve_to_verified: float | None = None


class DemoResult(Frozen):
    fault: str
    alerts: list[dict[str, Any]]
    incidents: list[dict[str, Any]]
    diagnosis: dict[str, Any] | None
    proposal: dict[str, Any] | None
    approval: dict[str, Any] | None
    execution: dict[str, Any] | None
    verification: dict[str, Any] | None
    audit: AuditResult
    seconds: Seconds


def diagnosis_of(card: IncidentCard | None, evidence: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The diagnosis in the form of the result; None while there is none."""
    if card is None or card.verdict is None:
        return None
    top = card.most_likely
    ranked = [*([top] if top else []), *card.also_possible]
    return {
        "verdict": card.verdict,
        "cause": top.cause if top else None,
        "title": top.title if top else None,
        "confidence": round(top.confidence, 4) if top else None,
        "ranked": [{"cause": h.cause, "confidence": round(h.confidence, 4), "title": h.title} for h in ranked],
        "ruled_out": [{"cause": h.cause, "confidence": round(h.confidence, 4)} for h in card.ruled_out],
        "evidence": [
            {
                "id": piece["id"],
                "tool": piece["tool"],
                "status": piece["observation"]["status"],
                "summary": piece["observation"]["summary"],
                "digest": piece["digest"],
            }
            for piece in evidence
        ],
    }
