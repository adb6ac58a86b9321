"""Who may not see another tenant's targets learns nothing of them by failing: no name, not that there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from foundation.errors import NotFound
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.rollouts import RolloutDesk
from interfaces.cli.main import app as vigia
from interfaces.principals import add_principal, open_directory
from interfaces.settings import Settings
from platform_core.operations.resources import RolloutSpec, SourceSpec
from platform_core.operations.sql_resources import SqlResources
from tests.integration.test_console_in_a_browser import waiting_incident


class TwoTenants:
    """Sources `payments_br` and `ledger_br` of br, two of ar; bea acts for br, ana for all."""

    def __init__(self, base: Foundations) -> None:
        self.base = base
        people = base.settings.principals_file
        self.keys = {
            name: add_principal(people, name=name, roles=["oncall"], tenants=tenants)
            for name, tenants in (("bea", ["br"]), ("ana", ["*"]))
        }
        resources = SqlResources(base.engine, base.clock, base.audit)
        for name in ("payments_br", "ledger_br", "payments_ar", "secret_ar"):
            resources.create(f"urn:vigia:source:{name}", SourceSpec(), tenant=name[-2:], actor="service:test")
        spec = RolloutSpec(model="fraud", champion="1", feature_service="fraud")
        for tenant in ("br", "ar"):
            resources.create(f"urn:vigia:endpoint:fraud-{tenant}", spec, tenant=tenant, actor="service:test")
        self.incident, _ = waiting_incident(base)
        self.client = TestClient(copilot_app(base))

    def asks(self, who: str, source: str) -> tuple[int, dict[str, Any]]:
        answer = self.client.post(
            "/v1/proposals",
            json={
                "incident": self.incident,
                "tool": "quarantine_source",
                "arguments": {"source": source, "since": "2026-11-19T05:45:00+00:00"},
                "reason": "it looks wrong",
                "dry_run": True,
            },
            headers={"Authorization": f"Bearer {self.keys[who]}"},
        )
        return answer.status_code, answer.json().get("error", {})

    def refused(self) -> list[tuple[str, str, str | None]]:
        records = [entry.record for entry in self.base.audit.entries()]
        return [(r.actor, r.subject, r.tenant) for r in records if r.action == "read.refused"]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoTenants]:
    base = open_foundations(Settings(data_dir=tmp_path))
    yield TwoTenants(base)
    base.engine.dispose()


def test_suggestions_are_drawn_from_what_one_may_see(two: TwoTenants) -> None:
    status, error = two.asks("bea", "secret_arr")
    assert status == 404
    assert "secret_ar'" not in str(error)
    assert "payments_ar" not in str(error)
    assert two.asks("bea", "ledger_brr")[1]["hint"] == "did you mean 'urn:vigia:source:ledger_br'?"
    assert two.asks("ana", "secret_arr")[1]["hint"] == "did you mean 'urn:vigia:source:secret_ar'?", "the control"


def test_a_target_of_another_tenant_and_none_at_all_are_answered_alike(two: TwoTenants) -> None:
    there, gone = two.asks("bea", "secret_ar"), two.asks("bea", "secret_xx")
    assert there[0] == gone[0] == 404
    assert str(there[1]).replace("secret_ar", "secret_xx") == str(gone[1])
    assert two.refused() == [("human:bea", "urn:vigia:source:secret_ar", "ar")], "who asked for what there is, is kept"


def test_nor_does_what_an_action_says_of_its_target(two: TwoTenants) -> None:
    """`is not quarantined` would tell that there is one."""
    body = {"incident": two.incident, "tool": "release_quarantine", "arguments": {"source": "secret_ar"}, "reason": "x"}
    headers = {"Authorization": f"Bearer {two.keys['bea']}"}
    answer = two.client.post("/v1/proposals", json=body, headers=headers)
    assert (answer.status_code, "quarantined" in answer.text) == (404, False)


def test_nor_does_a_catalog_that_has_dropped_it(two: TwoTenants) -> None:
    """`ledger_br` is under control and bea's, and no source of the catalog, which declares those of other tenants."""
    more = {"since": "2026-11-19T05:45:00+00:00"}, {"column": "amount", "stored_as": "amt"}, {}
    for tool, given in zip(("quarantine_source", "map_column", "release_quarantine"), more, strict=True):
        body = {"incident": two.incident, "tool": tool, "arguments": {"source": "ledger_br", **given}, "reason": "odd"}
        answer = two.client.post("/v1/proposals", json=body, headers={"Authorization": f"Bearer {two.keys['bea']}"})
        assert (answer.status_code, "in the catalog" in answer.text) == (404, True), answer.text
        assert not [name for name in ("payments_ar", "payments_mx", "payments_co") if name in answer.text]


def test_on_the_command_line_too(two: TwoTenants) -> None:
    variables = {"VIGIA__DATA_DIR": str(two.base.settings.data_dir), "VIGIA_API_KEY": two.keys["bea"]}
    typed = ["approvals", "propose", "quarantine_source", "--incident", two.incident, "--reason", "x", "--dry-run"]
    typed += ["--set", "source=secret_arr", "--set", "since=2026-11-19T05:45:00+00:00"]
    found = CliRunner().invoke(vigia, typed, env=variables)
    assert isinstance(found.exception, NotFound)
    assert "secret_ar'" not in f"{found.exception.message} {found.exception.hint}"


def test_nor_do_rollouts_name_endpoints_of_others(two: TwoTenants) -> None:
    settings = two.base.settings
    bea = open_directory(settings.principals_file, settings.environment).get("human:bea")
    for name in ("fraud-arr", "fraud-ar"):
        with pytest.raises(NotFound) as told:
            RolloutDesk(two.base).halt(name, bea, "it looks wrong")
        assert told.value.hint == "did you mean fraud-br?"
