"""The prediction log as a serving process writes it and as everybody else reads it."""

from __future__ import annotations

from collections.abc import Callable

from interfaces.bootstrap.foundations import Foundations
from interfaces.bootstrap.platform import offline_store
from interfaces.bootstrap.secrets import key_file
from interfaces.settings import Settings
from platform_core.catalog.specs import Catalog
from platform_core.serving.prediction_log import PredictionWriter
from platform_core.serving.prediction_log_keys import entity_pseudonyms, needs_pseudonyms


def prediction_writer(base: Foundations, catalog: Catalog) -> PredictionWriter:
    """What the offline store does not take waits in `serving/predictions` of the data directory."""
    settings = base.settings
    return PredictionWriter(
        offline_store(settings),
        spill=settings.data_dir / "serving" / "predictions",
        pseudonym=entity_names(settings, catalog),
    )


def entity_names(settings: Settings, catalog: Catalog) -> Callable[[str], str]:
    """What is stored of an entity's key."""
    if not needs_pseudonyms(catalog):
        return str
    return entity_pseudonyms(key_file(settings.data_dir / "keys" / "predictions.key"))
