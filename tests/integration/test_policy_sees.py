"""Who may see a proposal is the policy's word at every door; broken glass is shown to whom it reaches."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from agents.chat.stores import of_incident
from foundation.clock import SystemClock
from guardrails.approvals.break_glass import BreakGlass
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy
from interfaces.bootstrap.approvers import fit_for_a_channel
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.governance import make_approvals
from interfaces.bootstrap.stores import make_cards, make_incidents
from interfaces.cli.main import app as vigia
from interfaces.http.services import CopilotServices, visible_card
from interfaces.principals import add_principal, open_directory
from interfaces.settings import Settings
from tests.fakes.cards import incident_card, quarantine_proposal
from tests.fakes.guarded import ALICE, BOB, Guard, person, proposal
from tests.integration.test_console_in_a_browser import waiting_incident

OPEN = DEFAULT_POLICY.read_text(encoding="utf-8")
ONCALL_ONLY = OPEN.split("\ngrants:")[0] + (
    "\ngrants:\n  - {name: oncall-sees, may: [see], roles: [oncall]}\n"
    '  - {name: agents-propose, may: [propose], principals: ["agent:*"]}\n'
)


class House:
    def __init__(self, base: Foundations, keys: dict[str, str]) -> None:
        self.base, self.keys, self.app = base, keys, copilot_app(base)

    def page(self, who: str, path: str) -> str:
        with TestClient(self.app) as browser:
            browser.post("/console/login", data={"api_key": self.keys[who]})
            return browser.get(path).text

    def get(self, who: str, path: str) -> Any:
        with TestClient(self.app) as client:
            return client.get(path, headers={"Authorization": f"Bearer {self.keys[who]}"}).json()


@pytest.fixture
def house(tmp_path: Path) -> House:
    policy = tmp_path / "policy.yaml"
    policy.write_text(ONCALL_ONLY, encoding="utf-8")
    settings = Settings(data_dir=tmp_path / "data", policy_path=policy)
    base = open_foundations(settings)
    people = settings.principals_file
    keys = {
        name: add_principal(people, name=name, roles=[role], tenants=tenants)
        for name, role, tenants in (("alice", "oncall", ["*"]), ("dora", "viewer", ["br"]), ("ana", "viewer", ["ar"]))
    }
    return House(base, keys)


def test_a_viewer_without_the_grant_sees_no_proposal(house: House) -> None:
    request = make_approvals(house.base, Policy.load(house.base.settings.policy_path)).request(proposal(SystemClock()))
    assert [r["id"] for r in house.get("alice", "/v1/approvals")] == [request.id]
    assert house.get("dora", "/v1/approvals") == []
    assert "restart the connector" in house.page("alice", "/console/approvals")
    assert "restart the connector" not in house.page("dora", "/console/approvals")


def test_a_card_is_shown_without_the_proposal_that_may_not_be_seen(engine: Any, clock: Any, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(ONCALL_ONLY, encoding="utf-8")
    guard = Guard(engine, clock, policy=Policy.load(tmp_path / "policy.yaml"))
    card = incident_card(guard.approvals.request(quarantine_proposal()))
    cards = SimpleNamespace(build=lambda _: card)
    services = cast(CopilotServices, SimpleNamespace(cards=cards, approvals=guard.approvals))
    assert visible_card(services, ALICE, "inc_1") == card
    hidden = visible_card(services, person("dora", "viewer"), "inc_1")
    assert (hidden.proposal, hidden.approval, hidden.execution) == (None, None, None)
    assert hidden.most_likely == card.most_likely


@pytest.fixture
def waiting(house: House) -> tuple[str, str]:
    """An incident with a proposal that waits."""
    return waiting_incident(house.base)


def test_the_timeline_the_page_and_the_answer_are_without_it_too(house: House, waiting: tuple[str, str]) -> None:
    incident, request = waiting
    store = make_incidents(house.base)
    store.tell(incident, "approval.expired", "quarantine payments_br: nobody decided", key="t")
    path = f"/v1/incidents/{incident}"
    told = {who: json.dumps([house.get(who, path), house.get(who, f"{path}/timeline")]) for who in ("alice", "dora")}
    pages = {who: house.page(who, f"/console/incidents/{incident}") for who in ("alice", "dora")}
    asked = make_approvals(house.base, Policy.load(house.base.settings.policy_path))
    people = open_directory(house.base.settings.principals_file, "production")
    answers = {
        who: of_incident(store, asked, "INC-0001", people.get(f"human:{who}")).summary for who in ("alice", "dora")
    }
    for seen in (told, pages, answers):
        assert "quarantine payments_br" in seen["alice"]
        assert "quarantine payments_br" not in seen["dora"]
    assert request not in told["dora"] + pages["dora"]
    assert "unit_change" in told["dora"], "the fault is theirs to see"
    assert house.get("dora", f"/v1/approvals/{request}")["error"]["code"] == "not_found"


def test_the_command_line_with_a_key_shows_what_its_person_may_see(house: House, waiting: tuple[str, str]) -> None:
    _, request = waiting
    settings = house.base.settings
    variables = {"VIGIA__DATA_DIR": str(settings.data_dir), "VIGIA__POLICY_PATH": str(settings.policy_path)}

    def cli(who: str, *command: str) -> Any:
        return CliRunner().invoke(
            vigia, [*command, "--json"], env=variables | {"VIGIA_API_KEY": house.keys.get(who, "")}
        )

    for who, sees in (("alice", True), ("dora", False), ("", True)):
        card = json.loads(cli(who, "incidents", "show", "INC-0001").stdout)
        assert (card["proposal"] is not None) == sees, who
        assert bool(json.loads(cli(who, "approvals", "list").stdout)) == sees, who
        assert (cli(who, "approvals", "show", request).exit_code == 0) == sees
        assert (cli(who, "approvals", "like", request).exit_code == 0) == sees
    assert cli("ana", "incidents", "show", "INC-0001").exit_code != 0, "another tenant's"


def test_a_channel_reads_of_it_only_what_every_role_may(house: House, waiting: tuple[str, str]) -> None:
    incident, _ = waiting
    base = house.base
    approvals = make_approvals(base, Policy.load(None))
    card = make_cards(base, make_incidents(base), approvals, Policy.load(None)).build(incident)
    hidden = fit_for_a_channel(base.settings, approvals, base.clock)(card)
    assert (hidden.proposal, hidden.approval) == (None, None)
    assert "in the console, for those who may see it" in hidden.status_line
    open_to_all = base.settings.model_copy(update={"policy_path": None})
    assert fit_for_a_channel(open_to_all, approvals, base.clock)(card) == card
    broken = base.settings.model_copy(update={"policy_path": base.settings.data_dir / "gone.yaml"})
    assert fit_for_a_channel(broken, approvals, base.clock)(card).proposal is None, "unread, it is not shown"


def test_broken_glass_is_on_every_page_of_whom_it_reaches(house: House) -> None:
    base = house.base
    glass = BreakGlass(base.engine, base.clock, base.audit, Policy.load(None))
    assert "Broken glass" not in house.page("alice", "/console")
    opened = glass.open(BOB, environment="production", tenant="br", minutes=5, reason="payments are down")
    for who in ("alice", "dora"):
        assert "payments are down" in house.page(who, "/console")
    assert "payments are down" not in house.page("ana", "/console")
    glass.review(opened.id, person("root", "admin"), "it was right")
    assert "Broken glass" not in house.page("alice", "/console")
