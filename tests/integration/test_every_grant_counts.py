"""At every door it is the tenant at hand that is asked about, from all of somebody's grants, not from their first.

lena watches mx and is on call for br; otto is on call for mx and watches br; eva is on call for br in dev only, and
watches it here. An incident of br waits: lena may what otto and eva may not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from agents.chat.scope import Scope
from foundation.errors import Forbidden, VigiaError
from interfaces.bootstrap.catalog import apply_catalog
from interfaces.bootstrap.chat import answer_question
from interfaces.bootstrap.copilot import copilot_app, copilot_services
from interfaces.bootstrap.features import TenantReader
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.governance import make_approvals, make_break_glass, make_delegations, make_policy
from interfaces.principals import PrincipalsFile, make_grant, open_directory
from interfaces.settings import Settings
from interfaces.slack.conversation import Conversation, SlackParts
from interfaces.slack.mentions import mentions
from platform_core.access.principals import Principal
from platform_core.operations.resources import SourceSpec
from platform_core.operations.sql_resources import SqlResources
from tests.fakes.chatting import LINEAGE
from tests.integration.test_console_in_a_browser import waiting_incident

GRANTS = {
    "lena": [(["viewer"], ["mx"], []), (["oncall"], ["br"], [])],
    "otto": [(["oncall", "admin"], ["mx"], []), (["viewer"], ["br"], [])],
    "eva": [(["oncall"], ["br"], ["dev"]), (["viewer"], ["br"], ["production"])],
    "nina": [(["admin"], ["mx"], []), (["viewer"], ["uy"], [])],
}


class Doors:
    def __init__(self, base: Foundations, keys: dict[str, str]) -> None:
        self.base, self.keys = base, keys
        self.incident, self.waiting = waiting_incident(base)
        self.client = TestClient(copilot_app(base))

    def get(self, who: str, path: str) -> Any:
        return self.client.get(path, headers={"Authorization": f"Bearer {self.keys[who]}"})

    def post(self, who: str, path: str, **content: Any) -> int:
        answer = self.client.post(path, json=content, headers={"Authorization": f"Bearer {self.keys[who]}"})
        return answer.status_code

    def person(self, name: str) -> Principal:
        settings = self.base.settings
        return open_directory(settings.principals_file, settings.environment).get(f"human:{name}")


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    base = open_foundations(Settings(data_dir=tmp_path_factory.mktemp("doors")))
    people = PrincipalsFile(base.settings.principals_file)
    keys: dict[str, str] = {}
    for name, grants in GRANTS.items():
        first, *further = [make_grant(*grant) for grant in grants]
        keys[name] = people.add(f"human:{name}", first, slack_user_id=f"U{name.upper()}")
        for grant in further:
            people.grant(f"human:{name}", grant)
    resources = SqlResources(base.engine, base.clock, base.audit)
    resources.create("urn:vigia:source:payments_br", SourceSpec(), tenant="br", actor="service:test")
    yield Doors(base, keys)
    base.engine.dispose()


@pytest.mark.parametrize("path", ["", "/timeline", "/alerts", "/evidence"])
def test_incidents_over_http(doors: Doors, path: str) -> None:
    got = {who: doors.get(who, f"/v1/incidents/{doors.incident}{path}").status_code for who in GRANTS}
    assert got == {"lena": 200, "otto": 200, "eva": 200, "nina": 404}
    listed = {who: len(doors.get(who, "/v1/incidents").json()) for who in GRANTS}
    assert listed == {"lena": 1, "otto": 1, "eva": 1, "nina": 0}


def test_what_is_decided_is_decided_by_a_role_there(doors: Doors) -> None:
    path = f"/v1/approvals/{doors.waiting}"
    assert {who: doors.get(who, path).status_code for who in GRANTS} == {
        "lena": 200, "otto": 200, "eva": 200, "nina": 404,
    }  # fmt: skip
    for who in ("otto", "eva"):
        assert doors.post(who, f"{path}/decide", verdict="approve") == 403
        revised = {"arguments": {"since": "2026-11-19T05:45:00+00:00"}, "reason": "later"}
        assert doors.post(who, f"{path}/revise", **revised) == 403
        assert doors.post(who, f"/v1/incidents/{doors.incident}/feedback", correct=True) == 403
    revised = {"arguments": {"since": "2026-11-19T05:45:00+00:00"}, "reason": "later", "dry_run": True}
    assert doors.post("lena", f"{path}/revise", **revised) == 200
    # There is nothing to judge yet, which only who may judge is told.
    assert doors.post("lena", f"/v1/incidents/{doors.incident}/feedback", correct=True) in {201, 409}


def test_what_happened_over_http(doors: Doors) -> None:
    told = {"kind": "deploy", "subject": "urn:vigia:source:payments_br", "tenant": "br", "summary": "4.2"}
    assert {who: doors.post(who, "/v1/timeline", **told, id="p-17") for who in GRANTS} == {
        "lena": 201, "otto": 403, "eva": 403, "nina": 403,
    }  # fmt: skip
    seen = {who: any(e["summary"] == "4.2" for e in doors.get(who, "/v1/timeline").json()) for who in GRANTS}
    assert seen == {"lena": True, "otto": True, "eva": True, "nina": False}


def test_the_console(doors: Doors) -> None:
    for who, status in (("lena", 200), ("otto", 200), ("nina", 404)):
        browser = TestClient(doors.client.app)
        browser.post("/console/login", data={"api_key": doors.keys[who]})
        assert browser.get(f"/console/incidents/{doors.incident}").status_code == status
        assert ("INC-0001" in browser.get("/console").text) == (status == 200)
        assert browser.get("/console/audit").status_code == 403


def test_questions(doors: Doors) -> None:
    def answer(who: str, question: str) -> str:
        return answer_question(doors.base.settings, question, api_key=doors.keys[who]).text

    assert "INC-0001" in answer("lena", "which incidents are open?")
    assert "No incident is open" in answer("otto", "which incidents are open?")
    assert "no such incident" in answer("otto", "what about INC-0001?")
    with pytest.raises(Forbidden, match="may not ask"):
        answer("eva", "which incidents are open?")
    mine = doors.person("lena").tenants_with({"oncall"})
    assert Scope(LINEAGE, mine).allows({"tenant": "br"})
    assert not Scope(LINEAGE, mine).allows({"tenant": "mx"})


def test_slack(doors: Doors) -> None:
    services = copilot_services(doors.base)
    settings = doors.base.settings
    people = open_directory(settings.principals_file, settings.environment)
    parts = cast(SlackParts, SimpleNamespace(people=people, cards=services.cards))
    handlers = Conversation(parts)
    person, card = handlers.person_and_card({"user": {"id": "ULENA"}}, doors.incident)
    assert (person.id, card.tenant) == ("human:lena", "br")
    with pytest.raises(Forbidden, match="may not see"):
        handlers.person_and_card({"user": {"id": "UNINA"}}, doors.incident)
    assert mentions(people, {"oncall"}, "br", without="") == "<@ULENA> "


def test_features(doors: Doors) -> None:
    for who, tenants in (("lena", {"br", "mx"}), ("otto", {"br", "mx"}), ("eva", {"br"}), ("nina", {"mx"})):
        assert TenantReader(doors.base, doors.keys[who]).seen(["ar", "br", "mx"]) == tenants
    with pytest.raises(Forbidden, match="granted: mx, uy"):
        TenantReader(doors.base, doors.keys["nina"]).require("br")


def test_catalog(doors: Doors, tmp_path: Path) -> None:
    for who, said in (("lena", "may not apply"), ("otto", "does not act for ar, br, co")):
        with pytest.raises(VigiaError, match=said):
            apply_catalog(doors.base.settings, None, api_key=doors.keys[who], base_version=None, reviewed=None)


def test_broken_glass_delegations_and_the_kill_switch(doors: Doors) -> None:
    settings = doors.base.settings
    glass, delegations = make_break_glass(settings), make_delegations(settings)
    for who in ("otto", "nina", "eva"):
        with pytest.raises(Forbidden):
            glass.open(doors.person(who), environment="production", tenant="br", minutes=5, reason="because")
    lasts = timedelta(hours=1)
    with pytest.raises(Forbidden, match="tenant br"):
        delegations.delegate(doors.person("otto"), "human:lena", lasts=lasts, reason="away", tenant="br")
    given = delegations.delegate(doors.person("lena"), "human:otto", lasts=lasts, reason="away", tenant="br")
    with pytest.raises(Forbidden, match="no part"):
        delegations.revoke(given.id, doors.person("nina"))
    switch = make_approvals(doors.base, make_policy(settings))
    switch.set_kill_switch(True, doors.person("lena"), "everything is odd")
    with pytest.raises(Forbidden):
        switch.set_kill_switch(False, doors.person("otto"), "go on")
