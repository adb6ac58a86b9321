"""What is applied to the catalog while the copilot runs holds there too."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from foundation.errors import Unavailable
from interfaces.bootstrap import lineage
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.lineage import REREAD_SECONDS, LiveCatalog
from interfaces.bootstrap.platform import catalog_of
from interfaces.settings import Settings
from interfaces.settings.sections import AlertSettings, AlertSourceSettings
from platform_core.catalog.specs import Catalog
from platform_core.catalog.store import CatalogStore

SECRET = "a-secret-of-enough-length"


def with_uruguay(catalog: Catalog) -> Catalog:
    new = catalog.source("payments_br").model_copy(update={"name": "payments_uy", "tenant": "uy"})
    return catalog.model_copy(update={"sources": (*catalog.sources, new)})


def test_a_new_tenants_alert_is_taken_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "REREAD_SECONDS", 0.0)
    source = AlertSourceSettings(kind="alertmanager", secret=SecretStr(SECRET))
    base = open_foundations(Settings(data_dir=tmp_path, alerts=AlertSettings(sources={"monitors": source})))
    labels = {"alertname": "Drift", "kind": "drift", "subject": "urn:vigia:source:payments_uy", "tenant": "uy"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "amount moved", "value": "0.83", "threshold": "0.2"},
        "startsAt": "2026-11-19T05:51:00Z",
        "fingerprint": "f1",
    }
    web = TestClient(copilot_app(base))

    def status() -> int:
        bearer = {"Authorization": f"Bearer {SECRET}"}
        body = {"version": "4", "alerts": [alert]}
        return web.post("/v1/webhooks/alertmanager", json=body, headers=bearer).status_code

    assert status() == 422
    CatalogStore(base.engine, base.clock, base.audit, environment=base.settings.environment).apply(
        with_uruguay(catalog_of(base.settings)), "human:alice"
    )
    assert status() == 202
    base.engine.dispose()


def test_the_catalog_is_read_again_after_a_while_and_kept_while_it_cannot_be(tmp_path: Path) -> None:
    before = catalog_of(Settings(data_dir=tmp_path))
    stored: list[Catalog | None] = [before]
    now = [100.0]

    def read() -> Catalog:
        if stored[0] is None:
            raise Unavailable("the database did not answer")
        return stored[0]

    live = LiveCatalog(read, monotonic=lambda: now[0])
    after = stored[0] = with_uruguay(before)
    assert live() is before
    now[0] += REREAD_SECONDS
    assert live() is after
    stored[0] = None
    now[0] += REREAD_SECONDS
    assert live() is after
