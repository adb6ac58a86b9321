"""What people changed in the weeks before the story: ordinary releases, one rollout, one scaling, one setting."""

from __future__ import annotations

from datetime import datetime, timedelta

from foundation.ids import new_id
from platform_core.operations.timeline import ChangeEvent, ChangeKind
from platform_core.simulation.countries import COUNTRIES
from platform_core.simulation.usage import (
    LEGACY_ENDPOINT,
    LEGACY_REPLICAS,
    LEGACY_REPLICAS_BEFORE,
    LEGACY_SCALED_DAYS_AGO,
)
from platform_core.urn import urn


def past_changes(origin: datetime) -> list[ChangeEvent]:
    """Oldest first. None of them is anybody's fault."""
    events = [
        _event(
            origin - timedelta(days=LEGACY_SCALED_DAYS_AGO, hours=3),
            "scale",
            LEGACY_ENDPOINT,
            "br",
            f"replicas: {LEGACY_REPLICAS_BEFORE} -> {LEGACY_REPLICAS} (holiday peak)",
            "human:bruno",
            {"before": {"replicas": LEGACY_REPLICAS_BEFORE}, "after": {"replicas": LEGACY_REPLICAS}},
        )
    ]
    for position, country in enumerate(COUNTRIES):
        at = origin - timedelta(days=4 + 2 * position, hours=9 + position)
        before, after = country.previous_ingest_version, country.ingest_version
        events.append(
            _event(
                at,
                "deploy",
                urn("deployment", f"ingest-{country.tenant}"),
                country.tenant,
                f"version: {before!r} -> {after!r} (dependency updates)",
                "service:release",
                {"before": {"version": before}, "after": {"version": after}, "reason": "dependency updates"},
            )
        )
    events.append(
        _event(
            origin - timedelta(days=6, hours=14),
            "config",
            urn("endpoint", "fraud-ar"),
            "ar",
            "request log sampling: 0.05 -> 0.10",
            "human:lucia",
            {"before": {"log_sampling": 0.05}, "after": {"log_sampling": 0.10}},
        )
    )
    events.append(
        _event(
            origin - timedelta(hours=33),
            "rollout",
            urn("model", "fraud_score"),
            None,
            "fraud_score version 1 promoted to production everywhere",
            "human:lucia",
            {"version": "1"},
        )
    )
    return sorted(events, key=lambda event: event.at)


def _event(  # noqa: PLR0917
    at: datetime,
    kind: ChangeKind,
    subject: str,
    tenant: str | None,
    summary: str,
    author: str,
    details: dict[str, object],
) -> ChangeEvent:
    return ChangeEvent(
        id=new_id("chg"),
        at=at,
        kind=kind,
        subject=subject,
        tenant=tenant,
        summary=summary,
        author=author,
        details=details,
    )
