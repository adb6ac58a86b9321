"""The prediction log as a serving process writes it and as everybody else reads it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from foundation.errors import Conflict
from interfaces.bootstrap.foundations import Foundations
from interfaces.bootstrap.platform import offline_store
from interfaces.bootstrap.secrets import key_file
from interfaces.settings import Settings
from platform_core.catalog.specs import Catalog
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import ChangeEvent
from platform_core.serving.prediction_log import PredictionWriter
from platform_core.serving.prediction_log_keys import entity_pseudonyms, needs_pseudonyms
from platform_core.serving.prediction_log_losses import Loss
from platform_core.urn import urn


def prediction_writer(base: Foundations, catalog: Catalog) -> PredictionWriter:
    """What the offline store does not take waits in `serving/predictions` of the data directory."""
    settings = base.settings
    return PredictionWriter(
        offline_store(settings),
        spill=settings.data_dir / "serving" / "predictions",
        pseudonym=entity_names(settings, catalog),
        tell=loss_on_timeline(base),
    )


def loss_on_timeline(base: Foundations) -> Callable[[Loss], None]:
    """A loss that was told already is not told again."""
    operations = SqlOperations(base.engine)

    def tell(loss: Loss) -> None:
        how = "a worker was killed with" if loss.why == "killed" else "neither memory nor disk had room for"
        event = ChangeEvent(
            id=loss.id,
            at=base.clock.now(),
            kind="fault",
            subject=urn("store", "prediction-log"),
            summary=f"{loss.rows} predictions are not in the log: {how} them",
            author="service:serving",
            details={"rows": loss.rows, "why": loss.why},
        )
        with suppress(Conflict):
            operations.record_change(event)

    return tell


def entity_names(settings: Settings, catalog: Catalog) -> Callable[[str], str]:
    """What is stored of an entity's key."""
    if not needs_pseudonyms(catalog):
        return str
    return entity_pseudonyms(key_file(settings.data_dir / "keys" / "predictions.key"))
