"""People propose and edit over HTTP, console, Slack and the command line: the same desk, the same refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from agents.incident.tables import leases
from foundation.database import transaction
from foundation.errors import VigiaError
from guardrails.approvals.types import ApprovalRequest
from interfaces.bootstrap.copilot import copilot_app, copilot_services
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.stores import make_incidents
from interfaces.cli.main import app as vigia
from interfaces.console.proposing import ARGUMENT
from interfaces.principals import add_principal, open_directory
from interfaces.settings import Settings
from interfaces.slack.app import _Handlers
from interfaces.slack.conversation import SlackParts
from interfaces.slack.editing import Edit, ask_modal, edit_modal, fits, read_edit
from interfaces.slack.ids import BlockId, CallbackId
from platform_core.access.principals import Principal
from platform_core.operations.resources import SourceSpec
from platform_core.operations.sql_resources import SqlResources
from tests.integration.test_console_in_a_browser import waiting_incident

LATER = "2026-11-19T05:45:00+00:00"


class House:
    """An incident whose quarantine waits, and everybody's keys."""

    def __init__(self, base: Foundations, keys: dict[str, str]) -> None:
        self.base, self.keys = base, keys
        self.incident, self.waiting = waiting_incident(base)
        self.approvals = make_approvals(base, make_policy(base.settings))
        self.client = TestClient(copilot_app(base))

    def post(self, who: str, path: str, **content: Any) -> Any:
        return self.client.post(path, json=content, headers={"Authorization": f"Bearer {self.keys[who]}"})

    def cli(self, who: str, *arguments: str) -> Any:
        variables = {"VIGIA__DATA_DIR": str(self.base.settings.data_dir), "VIGIA_API_KEY": self.keys[who]}
        return CliRunner().invoke(vigia, list(arguments), env=variables)

    def person(self, name: str) -> Principal:
        settings = self.base.settings
        return open_directory(settings.principals_file, settings.environment).get(f"human:{name}")

    def edited(self) -> ApprovalRequest:
        """What waits now, which is an edit of what waited."""
        older = self.approvals.get(self.waiting)
        assert older.superseded_by is not None
        newer = self.approvals.get(older.superseded_by)
        assert newer.status == "pending"
        return newer

    def untouched(self) -> bool:
        return self.approvals.get(self.waiting).status == "pending"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    base = open_foundations(Settings(data_dir=tmp_path))
    people = base.settings.principals_file
    keys = {
        name: add_principal(people, name=name, roles=[role], tenants=tenants, slack_user_id=f"U{name.upper()}")
        for name, role, tenants in (("alice", "oncall", ["*"]), ("bob", "approver", ["*"]), ("dora", "viewer", ["br"]))
    }
    resources = SqlResources(base.engine, base.clock, base.audit)
    resources.create("urn:vigia:source:payments_br", SourceSpec(), tenant="br", actor="service:test")
    yield House(base, keys)
    base.engine.dispose()


def test_over_http(house: House) -> None:
    path, body = f"/v1/approvals/{house.waiting}/revise", {"arguments": {"since": LATER}, "reason": "it began at 05:45"}
    dry = house.post("alice", path, **body, dry_run=True)
    assert (dry.status_code, dry.json()["request"]) == (200, None)
    digest = dry.json()["proposal"]["digest"]
    assert house.untouched()
    refused = [
        house.post("dora", path, **body),
        house.post("dora", path, **body, dry_run=True),
        house.post("alice", path, **body, digest="0" * 64),
        house.post("alice", path, arguments={"since": "soon"}, reason="x"),
        house.post("alice", path, arguments={"source": "payments_zz"}, reason="x"),
        house.post("alice", "/v1/approvals/apr_none/revise", **body),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 409, 422, 404, 404]
    assert house.untouched()
    made = house.post("alice", path, **body, digest=digest)
    assert made.status_code == 201
    newer = house.edited()
    assert (newer.proposal.requested_by, newer.proposal.digest) == ("human:alice", digest)
    own = house.post("alice", f"/v1/approvals/{newer.id}/decide", verdict="approve")
    assert (own.status_code, "somebody else" in own.text) == (403, True)
    assert house.post("bob", f"/v1/approvals/{newer.id}/decide", verdict="approve").json()["status"] == "approved"


def test_a_refusal_repeats_neither_a_person_nor_without_end(house: House) -> None:
    path, address = f"/v1/approvals/{house.waiting}/revise", "ana.silva@example.com"
    refused = [
        house.post("alice", path, arguments={"source": address}, reason="x"),
        house.post("alice", path, arguments={f"a{number}": number for number in range(5000)}, reason="x"),
        house.post("alice", path, arguments={"n" * 100_000: 1}, reason="x"),
        house.post("alice", path, arguments={"source": "a" * 100_000}, reason="x"),
    ]
    assert all(400 <= answer.status_code < 500 and len(answer.text) < 2000 for answer in refused), refused
    assert address not in str([answer.text for answer in refused])
    assert house.untouched()


def test_what_can_be_proposed_is_listed_and_a_wrong_tool_is_refused(house: House) -> None:
    listed = house.client.get("/v1/actions", headers={"Authorization": f"Bearer {house.keys['dora']}"}).json()
    assert "rollback_deploy" in {action["name"] for action in listed}
    wrong = {"incident": "INC-0001", "tool": "drop_everything", "arguments": {}, "reason": "x"}
    assert house.post("alice", "/v1/proposals", **wrong).status_code == 422
    beside = wrong | {"tool": "quarantine_source", "arguments": {"source": "payments_br", "since": LATER}}
    assert house.post("alice", "/v1/proposals", **beside).status_code == 409, "something waits already"


def test_a_proposal_of_ones_own_when_nothing_waits(house: House) -> None:
    house.approvals.decide(house.waiting, house.person("bob"), "reject", reason="not this", channel="http")
    store = make_incidents(house.base)
    store.transition(
        house.incident, "investigating", key="ended:1", text="rejected: nothing was run", outcome="rejected"
    )
    with transaction(house.base.engine) as connection:  # as the worker leaves it that has recorded the rejection
        connection.execute(sa.update(leases).values(state="done"))
    browser = house.client
    browser.post("/console/login", data={"api_key": house.keys["alice"]})
    assert "Propose an action of your own" in browser.get(f"/console/incidents/{house.incident}").text
    wanted = {
        "incident": "INC-0001", "tool": "quarantine_source", "reason": "the rows since then are wrong",
        "arguments": {"source": "payments_br", "since": LATER},
    }  # fmt: skip
    assert house.post("dora", "/v1/proposals", **wanted).status_code == 403
    assert house.approvals.pending() == []
    made = house.post("alice", "/v1/proposals", **wanted)
    assert made.status_code == 201, made.text
    (waits,) = house.approvals.pending()
    assert waits.id == made.json()["request"]["id"]
    assert store.round_of(house.incident) == 2
    proposed = store.proposal(house.incident, round_number=2, purpose="action")
    assert proposed is not None
    assert proposed.id == waits.proposal.id, "the flow finds it where the agent's would be"
    assert house.post("alice", "/v1/proposals", **wanted).status_code == 409
    page = browser.get(f"/console/incidents/{house.incident}").text
    assert "<b>human:alice</b>: the rows since then are wrong" in page


def test_on_the_command_line(house: House) -> None:
    edit = ("approvals", "edit", house.waiting, "--set", f"since={LATER}", "--reason", "it began at 05:45")
    dry = house.cli("alice", *edit, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "quarantine_since: none -> 2026-11-19T05:45:00Z" in dry.output
    assert house.untouched()
    for who, more, said in (("dora", (), "propose"), ("alice", ("--set", "odd"), "NAME=VALUE")):
        refused = house.cli(who, *edit, *more)
        assert isinstance(refused.exception, VigiaError)
        assert said in str(refused.exception)
    made = house.cli("alice", *edit, "--json")
    assert made.exit_code == 0, made.output
    newer = house.edited()
    assert json.loads(made.stdout)["request"]["id"] == newer.id
    assert house.cli("bob", "approvals", "reject", newer.id, "--reason", "not now").exit_code == 0
    # nothing waits any more, but the worker has not recorded it: it is still being worked on
    own = ("approvals", "propose", "quarantine_source", "--incident", "INC-0001", "--set", "source=payments_br")
    refused = house.cli("alice", *own, "--set", f"since={LATER}", "--reason", "again")
    assert "being worked on" in str(refused.exception)


def test_in_the_console(house: House) -> None:
    browser = house.client
    browser.post("/console/login", data={"api_key": house.keys["alice"]})
    page = browser.get(f"/console/incidents/{house.incident}").text
    assert f'action="/console/approvals/{house.waiting}/edit"' in page
    csrf = page.split('name="csrf" value="')[1].split('"')[0]
    form = {
        "csrf": csrf,
        f"{ARGUMENT}source": "payments_br",
        f"{ARGUMENT}since": LATER,
        f"{ARGUMENT}narrow": "",
        "reason": "it began at 05:45",
    }
    path = f"/console/approvals/{house.waiting}/edit"
    assert browser.post(path, data=form | {"csrf": "x"}).status_code == 403
    unchanged = house.approvals.get(house.waiting).proposal.arguments["since"]
    assert "nothing was changed" in browser.post(path, data=form | {f"{ARGUMENT}since": unchanged}).text
    draft = browser.post(path, data=form).text
    assert "Ask for this instead?" in draft
    assert "2026-11-19T05:45:00Z" in draft
    assert house.untouched()
    digest = draft.split('name="digest" value="')[1].split('"')[0]
    asked = browser.post(path, data=form | {"digest": digest})
    assert asked.status_code == 200
    assert house.edited().proposal.rationale == "it began at 05:45"
    listed = browser.get(f"/console/incidents/{house.incident}/propose").text
    assert "rollback deploy" in listed
    chosen = browser.get(f"/console/incidents/{house.incident}/propose?tool=rollback_deploy").text
    assert 'name="arg.bad_version"' in chosen
    assert browser.get(f"/console/incidents/{house.incident}/propose?tool=nope").status_code == 404


class Slack:
    """The handlers, and what they acknowledged and called."""

    def __init__(self, house: House) -> None:
        services = copilot_services(house.base)
        self.acks: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.shown: list[str] = []
        self.handlers = _Handlers(
            SlackParts(
                approvals=services.approvals, people=services.principals, cards=services.cards,
                evidence=cast(Any, None), answer=cast(Any, None), feedback=cast(Any, None),
                redact=redactor(house.base.settings).redact,
                notifier=cast(Any, SimpleNamespace(incident_changed=lambda card: self.shown.append(card.approval.id))),
                proposals=services.proposals, fields=lambda tool: ["source", "since", "narrow"],
            )
        )  # fmt: skip

    def ack(self, **answer: Any) -> None:
        self.acks.append(answer)

    def __getattr__(self, method: str) -> Any:
        return lambda **arguments: self.calls.append((method, arguments))

    def body(self, who: str, **more: Any) -> dict[str, Any]:
        return {"user": {"id": f"U{who.upper()}"}, "channel": {"id": "C1"}, "trigger_id": "t", **more}


def filled(view: dict[str, Any], **values: str) -> dict[str, Any]:
    """The form as somebody submits it: as it came, but for `values`."""
    state: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            name = block["block_id"].partition(":")[2] or "reason"
            state[block["block_id"]] = {"value": {"value": values.get(name, block["element"].get("initial_value"))}}
    return {**view, "state": {"values": state}}


def test_in_slack(house: House) -> None:
    slack = Slack(house)
    slack.handlers.edit(slack.ack, slack.body("alice", actions=[{"value": house.waiting}]), cast(Any, slack))
    (method, opened) = slack.calls[-1]
    view = opened["view"]
    assert (method, view["callback_id"]) == ("views_open", CallbackId.EDIT)
    assert "agent" not in view["private_metadata"], "ids only"
    form = filled(view, since=LATER, reason="it began at 05:45")

    slack.handlers.show_edit(slack.ack, slack.body("dora", view=form))
    assert "no grant lets human:dora propose" in str(slack.acks[-1]["errors"]), "a viewer is shown no diff"
    bad = filled(view, since="soon", reason="x")
    slack.handlers.show_edit(slack.ack, slack.body("alice", view=bad))
    assert slack.acks[-1]["response_action"] == "errors"
    assert "since" in slack.acks[-1]["errors"][BlockId.REASON]

    slack.handlers.show_edit(slack.ack, slack.body("alice", view=form))
    shown = slack.acks[-1]["view"]
    assert shown["callback_id"] == CallbackId.ASK
    assert "2026-11-19T05:45:00Z" in shown["blocks"][0]["text"]["text"]
    assert house.untouched()

    slack.handlers.ask_for_edit(slack.ack, slack.body("dora", view=shown))
    assert slack.acks[-1]["view"]["title"]["text"] == "Nothing was asked"
    assert house.untouched()
    slack.handlers.ask_for_edit(slack.ack, slack.body("alice", view=shown))
    newer = house.edited()
    assert newer.proposal.requested_by == "human:alice"
    assert slack.shown == [newer.id], "the card shows it at once"
    slack.handlers.ask_for_edit(slack.ack, slack.body("bob", view=shown))
    assert slack.acks[-1]["view"]["title"]["text"] == "Nothing was asked", "what waited is gone"


def test_what_identifies_a_person_is_in_no_form_of_slacks(house: House) -> None:
    slack, address = Slack(house), "ana.silva@example.com"
    slack.handlers.edit(slack.ack, slack.body("alice", actions=[{"value": house.waiting}]), cast(Any, slack))
    view = slack.calls[-1][1]["view"]
    slack.handlers.show_edit(slack.ack, slack.body("alice", view=filled(view, source=address, reason="x")))
    assert slack.acks[-1]["response_action"] == "errors"
    slack.handlers.show_edit(slack.ack, slack.body("alice", view=filled(view, since=LATER, reason=f"for {address}")))
    assert slack.acks[-1]["view"]["callback_id"] == CallbackId.ASK
    slack.handlers.show_edit(slack.ack, slack.body("alice", view=filled(view, narrow=address, reason="x")))
    assert slack.acks[-1]["response_action"] == "errors", "Slack keeps what a form carries"
    assert address not in str(slack.acks)

    request = house.approvals.get(house.waiting)
    told = request.proposal.model_copy(update={"arguments": {"source": address, "since": LATER}})
    redact = redactor(house.base.settings).redact
    form = edit_modal(request.model_copy(update={"proposal": told}), [], redact, channel="C1")
    assert address not in str(form)
    untouched = read_edit(filled(form, reason="x"), request.model_copy(update={"proposal": told}), redact)
    assert untouched.changes == {}, "what was not shown stays what it is"


def test_a_form_is_within_slacks_limits(house: House) -> None:
    request = house.approvals.get(house.waiting)
    view = edit_modal(request, ["source"], str, channel="C1")
    assert len(view["blocks"]) <= 100
    assert all(len(block["block_id"]) <= 255 for block in view["blocks"] if "block_id" in block)
    long = Edit(approval=request.id, channel="C1", changes={f"a{n}": "x" * 300 for n in range(9)}, reason="y" * 1000)
    made = cast(Any, SimpleNamespace(proposal=request.proposal))
    assert not fits(ask_modal(long, made, lambda text: text))
    assert fits(ask_modal(Edit(approval=request.id, channel="C1"), made, lambda text: text))
