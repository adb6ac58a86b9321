"""Decisions over HTTP, console and the command line: a rejection has its reason, and what is alike is decided at one
look, each by itself. Slack's door: test_slack_whole_or_said.py, test_slack_alike.py."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from foundation.errors import InvalidInput
from guardrails.approvals.types import ApprovalRequest
from guardrails.proposal import PlannedChange
from interfaces.console.fields import as_typed, one_line_field
from tests.fakes.cards import quarantine_proposal
from tests.integration.test_people_at_every_door import House, house

__all__ = ["house"]


def another(house: House, number: int, *, tenant: str = "br") -> ApprovalRequest:
    proposal = quarantine_proposal(incident_id=f"inc_{number}", proposal_id=f"prp_other_{number}")
    change = PlannedChange(field="quarantine_since", before=None, after=f"night {number}")
    plan = proposal.plan.model_copy(update={"changes": (change,), "tenant": tenant})
    return house.approvals.request(proposal.model_copy(update={"plan": plan}))


@pytest.fixture
def browser(house: House) -> TestClient:
    client = TestClient(house.client.app)
    client.post("/console/login", data={"api_key": house.keys["alice"]})
    return client


def csrf(page: str) -> str:
    return page.split('name="csrf" value="')[1].split('"', maxsplit=1)[0]


NO_REASONS = (
    (None, "needs a reason"),
    ("  ", "needs a reason"),
    ("…!", "needs a reason"),
    ("no\u202e", "control characters"),
    ("because " * 300, "at most 2000"),
)


def test_a_rejection_without_a_reason_is_refused_at_every_door(house: House, browser: TestClient) -> None:
    path, token = f"approvals/{house.waiting}/decide", csrf(browser.get("/console/approvals").text)
    for reason, why in NO_REASONS:
        answer = house.post("alice", f"/v1/{path}", verdict="reject", reason=reason)
        assert (answer.status_code, why.removeprefix("at most") in answer.text) == (422, True), answer.text
        page = browser.post(f"/console/{path}", data={"csrf": token, "verdict": "reject", "reason": reason or ""})
        assert (page.status_code, why in page.text) == (422, True)
        given = () if reason is None else ("--reason", reason)
        run = house.cli("alice", "approvals", "reject", house.waiting, *given)
        if reason is None:
            assert (run.exit_code, "Missing option '--reason'" in run.output) == (2, True)
        else:
            assert isinstance(run.exception, InvalidInput)
            assert why in str(run.exception)
    assert house.untouched()
    assert not house.approvals.get(house.waiting).decisions


def test_alike_over_http(house: House) -> None:
    others = [another(house, 2), another(house, 3)]
    headers = {"Authorization": f"Bearer {house.keys['alice']}"}
    batch = house.client.get(f"/v1/approvals/{house.waiting}/like", headers=headers).json()
    assert sorted(batch["request_ids"]) == sorted([house.waiting, *(each.id for each in others)])
    house.approvals.decide(others[0].id, house.person("bob"), "reject", reason="not this one", channel="cli")
    content = {"request_ids": batch["request_ids"], "digest": batch["digest"], "verdict": "approve"}
    assert house.post("alice", "/v1/approvals/decide-batch", **{**content, "digest": "0" * 64}).status_code == 409
    assert house.post("alice", "/v1/approvals/decide-batch", **{**content, "verdict": "reject"}).status_code == 422
    answer = house.post("alice", "/v1/approvals/decide-batch", **content)
    assert answer.status_code == 200
    told = {each["request_id"]: each for each in answer.json()}
    assert told[house.waiting]["status"] == told[others[1].id]["status"] == "approved"
    assert "already rejected by human:bob" in told[others[0].id]["refused"]

    own, foreign = another(house, 4), another(house, 5, tenant="mx")
    headers = {"Authorization": f"Bearer {house.keys['dora']}"}
    batch = house.client.get(f"/v1/approvals/{own.id}/like", headers=headers).json()
    assert batch["request_ids"] == [own.id], "what is another tenant's is not there"
    content = {"request_ids": [own.id, foreign.id], "digest": batch["digest"], "verdict": "approve"}
    assert house.post("dora", "/v1/approvals/decide-batch", **content).status_code == 404
    (refused,) = house.post("dora", "/v1/approvals/decide-batch", **{**content, "request_ids": [own.id]}).json()
    assert (refused["status"], "human:dora" in refused["refused"]) == (None, True), "a viewer decides nothing"
    assert house.approvals.get(own.id).status == "pending"


def test_alike_in_the_console(house: House, browser: TestClient) -> None:
    assert "are alike" not in browser.get("/console/approvals").text, "one alone is like nothing"
    card = browser.get(f"/console/incidents/{house.incident}").text
    long = {"csrf": csrf(card), "arg.source": "x" * 2001, "reason": "because"}
    refused = browser.post(f"/console/approvals/{house.waiting}/edit", data=long)
    assert (refused.status_code, "source is longer than 2000" in refused.text) == (422, True), "not cut: refused"
    others = [another(house, number) for number in (2, 3)]
    listed = browser.get("/console/approvals").text
    (link,) = re.findall(r'href="(/console/approvals/[^"]+/like)"', listed)
    page = browser.get(link).text
    assert "night 2" in page
    assert "night 3" in page
    form: dict[str, Any] = {
        "csrf": csrf(page),
        "ids": re.findall(r'name="ids" value="([^"]+)"', page),
        "digest": page.split('name="digest" value="')[1].split('"')[0],
        "verdict": "reject",
    }
    assert sorted(form["ids"]) == sorted([house.waiting, *(each.id for each in others)])
    assert browser.post("/console/approvals/decide-batch", data={**form, "csrf": "forged"}).status_code == 403
    assert browser.post("/console/approvals/decide-batch", data=form).status_code == 422
    house.approvals.decide(others[0].id, house.person("bob"), "approve", channel="cli")
    told = browser.post("/console/approvals/decide-batch", data={**form, "reason": "the deploy was rolled back"})
    assert "2 of 3 decided" in told.text
    assert "already approved by human:bob" in told.text
    decided = house.approvals.get(others[1].id)
    assert (decided.status, decided.decisions[0].reason) == ("rejected", "the deploy was rolled back")


def test_alike_on_the_command_line(house: House) -> None:
    other = another(house, 2)
    shown = house.cli("alice", "approvals", "like", house.waiting)
    assert "quarantine_since: none -> night 2" in shown.output, "all of each, not only a summary"
    batch = json.loads(house.cli("alice", "approvals", "like", house.waiting, "--json").output)
    command = ("approvals", "reject-batch", house.waiting, "--digest", batch["digest"])
    assert house.cli("alice", *command).exit_code == 2
    wrong = house.cli("dora", *command, "--reason", "not mine", "--json")
    assert wrong.exit_code == 1
    assert all("human:dora" in each["refused"] for each in json.loads(wrong.output))
    done = house.cli("alice", *command, "--reason", "wrong night")
    assert done.exit_code == 0, done.output
    assert done.output.count(" rejected") == 2
    assert house.approvals.get(other.id).decisions[0].reason == "wrong night"


@pytest.mark.parametrize("value", ["a\nb ", "x" * 900, ["a", "b"], True, 5, None, "a\r\n"])
def test_a_field_that_nobody_touched_sends_back_what_it_was_given(value: Any) -> None:
    shown = as_typed(value)
    assert "\n" not in shown, "a field of one line drops it"
    assert one_line_field(shown) == shown
