"""Brings the simulated company to the moment at which the story begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from foundation.errors import Conflict
from platform_core.catalog.store import CatalogStore
from platform_core.features.leases import SqlLeases
from platform_core.features.materialization import Materializer
from platform_core.features.progress import SqlProgress
from platform_core.features.ranges import SqlRanges
from platform_core.simulation.change_calendar import past_changes
from platform_core.simulation.company import Company
from platform_core.simulation.connector import Connector
from platform_core.simulation.countries import COUNTRIES, TENANTS
from platform_core.simulation.estate import create_endpoints, create_estate
from platform_core.simulation.history import HISTORY, write_history
from platform_core.simulation.parts import PlatformParts
from platform_core.simulation.past_predictions import score_past
from platform_core.simulation.topic import Topic
from platform_core.simulation.training import train_champion, train_flawed
from platform_core.simulation.usage import legacy_usage, live_usage
from platform_core.simulation.world import World

Progress = Callable[[str, str], None]
"""(step, detail)"""

MARKER = "simulation.json"


@dataclass
class Booted:
    """A company whose past is written and whose present can begin."""

    parts: PlatformParts
    world: World
    topics: dict[str, Topic]
    materializer: Materializer
    origin: datetime


def boot_company(parts: PlatformParts, *, origin: datetime, seed: int, progress: Progress) -> Booted:
    """Write two weeks of past up to `origin` and everything that follows from them.

    Raises Conflict when the data directory already holds a company: its random state is not kept, so it cannot go on.
    """
    marker = parts.data_dir / MARKER
    if marker.exists() or parts.offline.tables():
        raise Conflict(
            f"{str(parts.data_dir)!r} already holds a simulated platform",
            hint="start over with --fresh, or choose another data directory",
        )
    marker.write_text(json.dumps({"seed": seed, "origin": origin.isoformat()}), encoding="utf-8")
    company = Company(seed)
    _write_past(parts, company, origin, seed, progress)
    return present(parts, company, origin, seed)


def _write_past(parts: PlatformParts, company: Company, origin: datetime, seed: int, progress: Progress) -> None:
    progress("catalog", "entities, sources, feature views and services")
    CatalogStore(parts.engine, parts.clock, parts.audit).apply(parts.catalog, "service:platform-setup")
    created = create_estate(parts.resources, parts.catalog)
    progress("resources", f"{created} resources under the control plane")

    payments = write_history(company, parts.offline, origin, seed)
    progress("history", f"{payments:,} payments of {HISTORY.days} days in {len(COUNTRIES)} countries")

    materializer = _materializer(parts)
    rows = sum(
        materializer.load_history(view.name, tenant) for view in parts.catalog.feature_views for tenant in TENANTS
    )
    progress("features", f"{rows:,} feature rows offline, the newest of each key online")

    for event in past_changes(origin):
        parts.operations.record_change(event)
    parts.operations.record_usage([*live_usage(origin.date(), seed), *legacy_usage(origin.date(), abandoned=False)])
    progress("operations", "change events, usage and cost of the last weeks")

    champion = train_champion(parts, origin, seed=seed)
    auc = champion.signature.metrics["auc"]
    progress("model", f"{champion.name} version {champion.version} in production, AUC {auc:.3f}")

    threshold = score_past(parts, champion, origin, seed=seed)
    create_endpoints(parts.resources, champion.version, threshold)
    progress("endpoints", f"serving version {champion.version}, declining from a score of {threshold:.3f}")


def present(parts: PlatformParts, company: Company, origin: datetime, seed: int) -> Booted:
    """The moving parts over a past that is written: topics, connectors, materialization. `company` has lived it."""
    topics = {tenant: Topic(f"payments_{tenant}") for tenant in TENANTS}
    connectors = {
        tenant: Connector(topic, parts.offline, table=f"payments_{tenant}") for tenant, topic in topics.items()
    }
    world = World(
        clock=parts.clock,
        catalog=parts.catalog,
        resources=parts.resources,
        operations=parts.operations,
        company=company,
        connectors=connectors,
        train_flawed_model=lambda: train_flawed(parts, origin, seed=seed).version,
    )
    return Booted(parts, world, topics, _materializer(parts), origin)


def _materializer(parts: PlatformParts) -> Materializer:
    leases = SqlLeases(parts.engine, holder="vigia platform simulate")
    return Materializer(
        parts.catalog,
        parts.offline,
        parts.online,
        parts.resources,
        parts.operations,
        parts.clock,
        SqlProgress(parts.engine, parts.clock, guard=leases.guard),
        ranges=SqlRanges(parts.engine, parts.clock, guard=leases.guard),
        leases=leases,
    )
