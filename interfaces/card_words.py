"""Words of the card that every interface shares."""

from __future__ import annotations

from agents.incident.card import CardCause

MOST_CITED = 2


def odds(confidence: float) -> str:
    """`0.94`; what rounds to nothing is still not nothing."""
    return f"{confidence:.2f}" if confidence >= 0.005 else "<0.01"


def against(cause: CardCause) -> list[str]:
    """Ids of the evidence that speaks loudest against it: two say enough, the rest is a click away."""
    heaviest = sorted(cause.refuting, key=lambda finding: finding.weight)[:MOST_CITED]
    return list(dict.fromkeys(each for finding in heaviest for each in finding.evidence_ids))
