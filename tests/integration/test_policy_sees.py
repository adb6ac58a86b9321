"""Who may see a proposal is the policy's word at every door; broken glass is shown to whom it reaches."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from foundation.clock import SystemClock
from guardrails.approvals.break_glass import BreakGlass
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.governance import make_approvals
from interfaces.http.services import CopilotServices, visible_card
from interfaces.principals import add_principal
from interfaces.settings import Settings
from tests.fakes.cards import incident_card, quarantine_proposal
from tests.fakes.guarded import ALICE, BOB, Guard, person, proposal

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
