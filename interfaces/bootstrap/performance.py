"""`vigia models performance`: the prediction log joined with labels, straight from the stores."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from foundation.errors import NotFound
from interfaces.bootstrap.foundations import open_existing
from interfaces.bootstrap.platform import catalog_in_force, feature_tables, offline_store
from interfaces.bootstrap.predictions import entity_names
from interfaces.settings import Settings
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.urn import parse_urn

if TYPE_CHECKING:
    from platform_core.serving.performance import By, DayPerformance


def model_performance(
    settings: Settings,
    name: str,
    *,
    days: int,
    until: datetime | None,
    by: By | None,
    table: str,
    key: str,
    column: str,
    entity: str | None,
    maturity: timedelta,
) -> list[DayPerformance]:
    """Of the endpoints that serve the model. Raises NotFound when none does, or nothing is labelled anywhere."""
    from platform_core.serving.performance import performance
    from platform_core.serving.performance_labels import Labels
    from platform_core.serving.prediction_log import DeltaPredictionLog
    from platform_core.training.plan import Label

    base = open_existing(settings)
    resources = SqlResources(base.engine, base.clock, base.audit).list(kind="endpoint")
    specs = {parse_urn(r.urn)[1]: r.spec for r in resources if isinstance(r.spec, RolloutSpec)}
    serving = {endpoint: spec.decline_threshold for endpoint, spec in specs.items() if spec.model == name}
    if not serving:
        known = ", ".join(sorted({spec.model for spec in specs.values()})) or "none"
        raise NotFound(f"no endpoint serves {name!r}", hint=f"served: {known}")
    catalog, now = catalog_in_force(base), base.clock.now()
    end = until or now
    names = entity_names(settings, catalog)
    labels = Labels(Label(table=table, key=key, column=column), entity=entity, pseudonym=names)
    return list(
        performance(
            DeltaPredictionLog(offline_store(settings)),
            feature_tables(settings, catalog),
            serving,
            start=end - timedelta(days=days),
            end=end,
            now=now,
            labels=labels,
            by=by,
            maturity=maturity,
        )
    )
