"""Words of the card that every interface shares."""

from __future__ import annotations

from collections.abc import Iterable

from agents.incident.card import CardCause
from guardrails.approvals.break_glass import BrokenGlass
from guardrails.proposal import BlastRadius
from guardrails.taint.suspicion import Suspicious

MOST_CITED = 2
MOST_SUSPICIOUS = 3
"""Texts that are shown; one is enough to ask how it got there."""


def odds(confidence: float) -> str:
    """`0.94`; what rounds to nothing is still not nothing."""
    return f"{confidence:.2f}" if confidence >= 0.005 else "<0.01"


def name(cause: CardCause, title: str) -> str:
    """What it is called below `title`: the same sentence twice would only cost a line of a phone."""
    return cause.cause.replace("_", " ") if cause.title == title else cause.title


def against(cause: CardCause) -> list[str]:
    """Ids of the evidence that speaks loudest against it: two say enough, the rest is a click away."""
    heaviest = sorted(cause.refuting, key=lambda finding: finding.weight)[:MOST_CITED]
    return list(dict.fromkeys(each for finding in heaviest for each in finding.evidence_ids))


def by_text(items: Iterable[Suspicious]) -> list[tuple[list[str], str, str]]:
    """Where, what it looks like, and the text, once for each text: it often breaks several rules in several places."""
    places: dict[str, list[Suspicious]] = {}
    for item in items:
        places.setdefault(item.where, []).append(item)
    texts: dict[str, list[str]] = {}
    for where, found in places.items():
        texts.setdefault(found[0].excerpt, []).append(where)
    return [(at, ", ".join(item.rule for item in places[at[0]]), text) for text, at in texts.items()]


def reach(radius: BlastRadius) -> str:
    """What lies downstream, in one line; every endpoint by name."""
    counted = f"feature views {radius.feature_views} · services {radius.feature_services} · models {radius.models}"
    endpoints = ", ".join(endpoint.rsplit(":", 1)[-1] for endpoint in radius.endpoints) or "none"
    return f"{counted} · endpoints {endpoints}"


def glass_line(glass: BrokenGlass) -> str:
    """Whoever decides now must know that less stands in the way than usual."""
    where = f"{glass.environment}, {(glass.tenant or 'all tenants').upper()}"
    return (
        f"{glass.opened_by} broke the glass for {where} until {glass.ends_at:%d %b %H:%M} UTC: {glass.reason}. "
        "Freezes and the second approval may be lifted till then"
    )
