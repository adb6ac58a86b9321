"""What an applied catalog calls personal is redacted, at once and in a process that runs already."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.clock import SystemClock
from guardrails.redaction.engine import Redactor
from interfaces.bootstrap.classified import LOOK_EVERY_SECONDS, FieldsInForce, classified_fields
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.platform import catalog_of
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings
from platform_core.catalog.specs import Catalog
from platform_core.catalog.store import CatalogStore

SOMEBODY = {"device_id": "Zubizarreta of Bilbao"}


@pytest.fixture
def base(tmp_path: Path) -> Foundations:
    url = f"sqlite:///{tmp_path / 'vigia.db'}"
    return open_foundations(Settings(data_dir=tmp_path / "data", database_url=url))


def tightened(catalog: Catalog, name: str = "device_id") -> Catalog:
    """The same, with every column of that name `pii`."""
    sources = [
        source.model_copy(
            update={
                "columns": tuple(
                    column.model_copy(update={"pii": "pii"}) if column.name == name else column
                    for column in source.columns
                )
            }
        )
        for source in catalog.sources
    ]
    return catalog.model_copy(update={"sources": tuple(sources)})


def apply(base: Foundations, catalog: Catalog) -> None:
    store = CatalogStore(base.engine, base.clock, base.audit, environment=base.settings.environment)
    assert store.apply(catalog, "human:ana").changes


def test_an_applied_catalog_classifies(base: Foundations) -> None:
    apply(base, tightened(catalog_of(base.settings)))
    assert "Zubizarreta" not in str(redactor(base.settings).redact_value(SOMEBODY))


def test_a_process_that_runs_learns_of_it(base: Foundations) -> None:
    files = catalog_of(base.settings)
    now = [0.0]
    settings = base.settings
    follows = FieldsInForce(files, settings.database_url, SystemClock(), settings.environment, timer=lambda: now[0])
    running = Redactor(b"k" * 32, classified=classified_fields(files), reclassified=follows)
    assert running.redact_value(SOMEBODY) == SOMEBODY
    apply(base, tightened(files))
    now[0] += LOOK_EVERY_SECONDS
    assert "Zubizarreta" not in str(running.redact_value(SOMEBODY))
    assert "Zubizarreta" not in running.redact("the device_id: Zubizarreta")


def test_what_the_files_call_personal_stays_so(base: Foundations) -> None:
    files = tightened(catalog_of(base.settings))
    apply(base, catalog_of(base.settings))
    settings = base.settings
    fields = FieldsInForce(files, settings.database_url, SystemClock(), settings.environment)()
    assert fields is not None
    assert fields.get("device_id") is not None


def test_without_a_database_the_files_hold_and_none_is_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url=f"sqlite:///{tmp_path / 'none.db'}")
    follows = FieldsInForce(catalog_of(settings), settings.database_url, SystemClock(), settings.environment)
    assert follows() is None
    assert not (tmp_path / "none.db").exists()
