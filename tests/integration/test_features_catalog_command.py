"""`vigia features plan|apply|list|search|describe|card` as a person runs them, in one process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from interfaces.cli.main import app
from interfaces.principals import add_principal
from platform_core.catalog.specs import Catalog

CATALOG = """\
entities:
  - {name: card, join_key: card_id, description: a payment card}
sources:
  - name: payments_br
    tenant: br
    table: payments_br
    owner: payments
    columns:
      - {name: event_ts, dtype: timestamp, description: time}
      - {name: ingested_at, dtype: timestamp, description: time}
      - {name: card_id, dtype: string, description: card, pii: quasi}
      - {name: amount, dtype: float64, description: what was paid}
feature_views:
  - name: card_velocity
    entity: card
    sources: [payments_br]
    ttl: 24h
    freshness_sla: 10m
    latency_sla: 20ms
    owner: risk
    channel: "#risk"
    description: How much a card | was *used*.
    aggregations:
      - {function: sum, column: amount, windows: [1h, 24h], filter: amount > 0}
    schema:
      - {name: amount_sum_1h, description: spent lately, minimum: 0, max_null_rate: 0.1}
feature_services:
  - name: fraud_v1
    owner: risk
    description: fraud
    features: ["card_velocity:amount_sum_1h"]
    request_fields: [{name: amount, dtype: float64, description: of this payment}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "all.yaml").write_text(CATALOG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIGIA__CATALOG_PATH", "catalog")
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv(
        "VIGIA_API_KEY", add_principal(tmp_path / "people.yaml", name="ana", roles=["admin"], tenants=["*"])
    )
    monkeypatch.setenv("VIGIA__PRINCIPALS_PATH", str(tmp_path / "people.yaml"))
    return tmp_path


@pytest.fixture
def vigia(project: Path) -> Callable[..., Any]:
    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["features", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.output

    return run


def edit(project: Path, old: str, new: str) -> None:
    text = (project / "catalog" / "all.yaml").read_text()
    assert old in text
    (project / "catalog" / "all.yaml").write_text(text.replace(old, new))


def test_a_catalog_is_planned_applied_changed_and_applied_again(vigia: Callable[..., Any], project: Path) -> None:
    first = vigia("plan", "--exit-code", code=3)
    assert "production: version 1 would be the next" in first
    assert "values of card_velocity are computed anew by: vigia features materialize card_velocity" in first
    assert "+ feature_view card_velocity" in first
    assert "version 1 is in force now" in vigia("apply")
    assert vigia("plan", "--exit-code") == "production: no changes, version 1 is in force\n"

    edit(project, "ttl: 24h", "ttl: 12h")
    edit(project, "windows: [1h, 24h]", "windows: [1h, 12h]")
    changed = vigia("plan")
    assert "ttl: 24h -> 12h" in changed
    assert "aggregations[amount_sum_24h]: removed" in changed
    assert "aggregations[amount_sum_12h]: added" in changed
    assert "read by feature_service:fraud_v1" in changed
    planned = json.loads(vigia("plan", "--json"))
    assert (planned["base_version"], [c["name"] for c in planned["changes"]]) == (1, ["card_velocity"])
    with pytest.raises(Conflict, match="at version 1, this was planned on 0"):
        vigia("apply", "--base", "0")
    vigia("apply", "--base", "1", "--digest", planned["digest"])
    described = json.loads(vigia("describe", "card_velocity", "--json"))
    assert described["ttl"] == "12h"


def test_the_files_are_not_in_force_before_they_are_applied(vigia: Callable[..., Any], project: Path) -> None:
    vigia("apply")
    edit(project, "owner: risk\n    channel", "owner: growth\n    channel")
    assert json.loads(vigia("describe", "card_velocity", "--json"))["owner"] == "risk"
    assert json.loads(vigia("describe", "card_velocity", "--json", "--files", "catalog"))["owner"] == "growth"


def test_environments_are_applied_apart(vigia: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    vigia("apply")
    monkeypatch.setenv("VIGIA__ENVIRONMENT", "staging")
    with pytest.raises(Conflict, match="is that of production"):
        vigia("plan")
    monkeypatch.setenv("VIGIA__SHARED_STORES", "true")
    assert "staging: version 1 would be the next" in vigia("plan")


def test_applying_takes_a_person_who_may(
    vigia: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = project / "people.yaml"
    monkeypatch.setenv("VIGIA_API_KEY", "nonsense")
    with pytest.raises(Unauthenticated):
        vigia("apply")
    monkeypatch.setenv("VIGIA_API_KEY", add_principal(people, name="bob", roles=["approver"], tenants=["*"]))
    with pytest.raises(Forbidden, match="role admin"):
        vigia("apply")
    monkeypatch.setenv("VIGIA_API_KEY", add_principal(people, name="mia", roles=["admin"], tenants=["mx"]))
    with pytest.raises(Forbidden, match="does not act for br"):
        vigia("apply")
    monkeypatch.delenv("VIGIA_API_KEY")
    with pytest.raises(InvalidInput, match="a catalog needs a person"):
        vigia("apply")
    assert json.loads(vigia("plan", "--json"))["base_version"] == 0


def test_an_admin_of_one_tenant_takes_nothing_from_another(
    vigia: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = CATALOG.partition("sources:\n")[2].partition("feature_views:")[0]
    mexican = source.replace("payments_br", "payments_mx").replace("tenant: br", "tenant: mx")
    edit(project, source, source + mexican)
    edit(project, "sources: [payments_br]", "sources: [payments_br, payments_mx]")
    vigia("apply")
    key = add_principal(project / "people.yaml", name="mia", roles=["admin"], tenants=["mx"])
    monkeypatch.setenv("VIGIA_API_KEY", key)

    edit(project, source, "")
    edit(project, "sources: [payments_br, payments_mx]", "sources: [payments_mx]")
    with pytest.raises(Forbidden, match="mia does not act for br"):
        vigia("apply")
    edit(project, mexican, source + mexican)
    with pytest.raises(Forbidden, match="does not act for br"):  # only out of the view that they share
        vigia("apply")
    edit(project, "sources: [payments_mx]", "sources: [payments_br, payments_mx]")
    edit(project, mexican, mexican.replace("owner: payments", "owner: pagos"))
    assert "version 2 is in force now" in vigia("apply")  # hers, beside theirs


def test_what_is_there_is_listed_and_found(vigia: Callable[..., Any]) -> None:
    listed = json.loads(vigia("list", "--json"))
    assert [(e["kind"], e["name"]) for e in listed] == [
        ("entity", "card"),
        ("source", "payments_br"),
        ("feature_view", "card_velocity"),
        ("feature", "card_velocity:amount_sum_1h"),
        ("feature", "card_velocity:amount_sum_24h"),
        ("feature_service", "fraud_v1"),
    ]
    assert "card_velocity:amount_sum_1h" in vigia("list", "--kind", "feature")
    with pytest.raises(InvalidInput, match="'views' is not a kind"):
        vigia("list", "--kind", "views")
    found = json.loads(vigia("search", "amount 24", "--json"))
    assert found[0]["name"] == "card_velocity:amount_sum_24h"
    assert [e["name"] for e in json.loads(vigia("search", "spent", "--json"))] == ["card_velocity:amount_sum_1h"]
    assert json.loads(vigia("search", "card_velocty", "--json"))[0]["name"] == "card_velocity"
    assert "nothing is found for 'zebra'" in vigia("search", "zebra")
    with pytest.raises(InvalidInput, match="no word"):
        vigia("search", "--", "!")


def test_one_thing_is_described(vigia: Callable[..., Any]) -> None:
    text = vigia("describe", "card_velocity:amount_sum_1h")
    assert "ttl: 24h" in text
    assert "- name: amount_sum_24h, function: sum, column: amount, window: 24h, filter: amount > 0" in text
    assert "tenant: br" in vigia("describe", "source:payments_br")
    with pytest.raises(NotFound, match="did you mean 'card_velocity'"):
        vigia("describe", "card_velocit")


def test_a_card_says_what_was_declared_and_what_is_live(vigia: Callable[..., Any], project: Path) -> None:
    page = vigia("card", "card_velocity")
    assert page.startswith("# Feature view `card_velocity`\n")
    assert "How much a card \\| was \\*used\\*." in page
    assert "- Latency SLA (p99): 20ms" in page
    how = "sum of `amount` over 1h where `amount > 0`"
    assert f"| `amount_sum_1h` | float64 | {how} | \\>= 0, nulls \\<= 10.00% | none | spent lately |" in page
    assert "Fed by: `job:materialize-card_velocity`, `source:payments_br`" in page
    assert "Read by: `feature_service:fraud_v1`" in page
    assert "| `br` | none | no values | 0 | never |" in page
    assert "## Now" not in vigia("card", "card_velocity", "--declared")
    vigia("card", "fraud_v1", "-o", "card.md")
    service = (project / "card.md").read_text()
    assert "- Asks for: `card` by `card_id`" in service
    assert "| `card_velocity:amount_sum_1h` | `card_velocity__amount_sum_1h` | float64 | none |" in service
    with pytest.raises(InvalidInput, match="'payments_br' has no card"):
        vigia("card", "payments_br")


def test_a_project_of_its_own_is_all_that_is_seen(vigia: Callable[..., Any]) -> None:
    vigia("apply")
    from interfaces.bootstrap.foundations import open_foundations
    from interfaces.bootstrap.platform import platform_view
    from interfaces.settings import load_settings

    catalog: Catalog = platform_view(open_foundations(load_settings())).catalog
    assert [v.name for v in catalog.feature_views] == ["card_velocity"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("windows: [1h, 24h]", "windows: [1h, 12h]", True),
        ("table: payments_br", "table: payments", True),
        ("{name: amount, dtype: float64, description: what", "{name: amount, dtype: int64, description: what", True),
        ("description: what was paid", "description: amount paid", False),
        ("description: spent lately", "description: spent", False),
        ("ttl: 24h", "ttl: 48h", False),
    ],
)
def test_a_plan_says_which_views_are_to_be_computed_anew(
    project: Path, vigia: Any, old: str, new: str, said: bool
) -> None:
    vigia("apply", "catalog")
    edit(project, old, new)
    assert ("computed anew by: vigia features materialize card_velocity" in vigia("plan", "catalog")) is said
