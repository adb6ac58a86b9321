"""The whole platform with everything around it that a company has: Debian's Prometheus and Alertmanager raise the
alerts, people decide in Slack and in a browser.

One platform, booted once, and two faults in two countries: Brazil's source stops and is mended from Slack, Colombia
loses amounts and is mended from the console.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.incident.card import IncidentCard
from interfaces.demo.run import verify_audit
from interfaces.slack.ids import ActionId
from tests.fakes.alerting_servers import SOURCE, require_alerting_servers
from tests.fakes.browser import Page, browser, chromium
from tests.fakes.live_platform import LivePlatform, live_platform
from tests.fakes.slack import button, press, signed, slack_emulator

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("live")]

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    require_alerting_servers()
    with slack_emulator() as emulator, live_platform(tmp_path_factory.mktemp("live"), emulator) as platform:
        yield platform


@dataclass(frozen=True)
class Found:
    """A diagnosed incident and what was firing when it was."""

    card: IncidentCard
    alerts: list[dict[str, Any]]
    firing: list[dict[str, Any]]


@pytest.fixture(scope="module")
def brazil(live: LivePlatform) -> Found:
    assert live.api.incidents() == [], "a healthy platform raises nothing"
    live.api.inject("source_stopped")
    card = live.diagnosed("br")
    return Found(card, live.api.alerts(card.incident_id), live.servers.firing())


@pytest.fixture(scope="module")
def colombia(live: LivePlatform, brazil: Found) -> Found:
    live.api.inject("null_burst")
    card = live.diagnosed("co")
    return Found(card, live.api.alerts(card.incident_id), live.servers.firing())


class TestPrometheus:
    def test_every_process_is_scraped(self, live: LivePlatform) -> None:
        live.until(lambda: set(live.servers.targets().values()) == {"up"}, 20, "a scrape of every process")
        assert set(live.servers.targets()) == {"vigia-copilot", "vigia-serving", "vigia-platform", "vigia-worker"}

    def test_what_prometheus_fires_opens_the_incident(self, brazil: Found) -> None:
        assert {alert["source"] for alert in brazil.alerts} == {SOURCE}, "nobody else has spoken"
        assert {alert["tenant"] for alert in brazil.alerts} == {"br"}
        fired = {alert["labels"]["alertname"]: alert for alert in brazil.firing}
        for alert in brazil.alerts:
            rule = fired[alert["labels"]["alertname"]]
            assert alert["kind"] == rule["labels"]["kind"]
            assert alert["severity"] == rule["labels"]["severity"]
            assert alert["subject"].startswith("urn:vigia:")
            assert alert["value"] is not None
            assert alert["threshold"] is not None
        assert {alert["kind"] for alert in brazil.alerts} <= {"freshness", "volume"}

    def test_the_cause_is_found(self, brazil: Found) -> None:
        assert brazil.card.verdict == "cause"
        assert brazil.card.most_likely is not None
        assert brazil.card.most_likely.cause == "source_stopped"
        assert brazil.card.proposal is not None
        assert brazil.card.proposal.tool == "restart_connector"

    def test_two_faults_in_two_countries_are_two_incidents(self, live: LivePlatform, colombia: Found) -> None:
        assert [incident.tenant for incident in live.api.incidents()] == ["br", "co"]
        assert {alert["source"] for alert in colombia.alerts} == {SOURCE}
        assert colombia.card.most_likely is not None
        assert colombia.card.most_likely.cause == "null_burst"


@dataclass(frozen=True)
class Click:
    """A press of a button, as Slack would send it."""

    body: bytes
    headers: dict[str, str]

    def send(self, live: LivePlatform) -> int:
        url = f"{live.workspace.copilot_url}/slack/events"
        return httpx.post(url, content=self.body, headers=self.headers, timeout=10, trust_env=False).status_code


def click_of(live: LivePlatform, name: str, message: dict[str, Any], action: ActionId) -> Click:
    body = press(button(message, action), user=live.slack.user(name), channel=live.channel)
    return Click(body, signed(body))


@pytest.fixture(scope="module")
def approve_in_slack(live: LivePlatform, brazil: Found) -> Click:
    """Alice's click on Brazil's card, before it is sent."""
    return click_of(live, "alice", live.card_in_slack(brazil.card.label), ActionId.APPROVE)


class TestSlack:
    """In this order: it is one evening."""

    def test_the_card_is_in_the_channel_and_can_be_approved(self, live: LivePlatform, brazil: Found) -> None:
        message = live.card_in_slack(brazil.card.label)
        assert brazil.card.approval is not None
        assert button(message, ActionId.APPROVE)["value"] == brazil.card.approval.id
        assert "restart" in str(message["blocks"]).lower()
        live.until(lambda: live.slack.replies(live.channel, message["ts"]), 20, "the evidence in the thread")

    def test_a_viewer_cannot_approve(self, live: LivePlatform, brazil: Found) -> None:
        click = click_of(live, "bob", live.card_in_slack(brazil.card.label), ActionId.APPROVE)
        assert click.send(live) == 200, "Slack is answered; bob is told in Slack"
        assert brazil.card.approval is not None
        assert live.api.approval(brazil.card.approval.id).decisions == ()
        assert live.api.card(brazil.card.incident_id).status == "awaiting_approval"

    def test_nobody_can_forge_a_click(self, live: LivePlatform, brazil: Found, approve_in_slack: Click) -> None:
        forged = Click(approve_in_slack.body, {**approve_in_slack.headers, "X-Slack-Signature": "v0=" + "0" * 64})
        assert forged.send(live) == 401
        assert live.api.card(brazil.card.incident_id).status == "awaiting_approval"

    def test_alice_approves_and_it_is_done_and_verified(
        self, live: LivePlatform, brazil: Found, approve_in_slack: Click
    ) -> None:
        assert approve_in_slack.send(live) == 200
        card = live.ended(brazil.card.incident_id)
        assert card.execution is not None
        assert card.execution.status == "succeeded"
        assert card.verification is not None
        assert card.verification.verified, card.verification.checks
        assert card.approval is not None
        assert [(d.principal_id, d.channel) for d in card.approval.decisions] == [("human:alice", "slack")]
        shown = live.until(
            lambda: next((m for m in [live.card_in_slack(card.label)] if "verified" in str(m["blocks"])), None),
            20,
            "the end in the channel",
        )
        actions = [e["action_id"] for b in shown["blocks"] if b["type"] == "actions" for e in b["elements"]]
        assert not {ActionId.APPROVE, ActionId.REJECT} & set(actions)

    def test_a_replayed_click_changes_nothing(self, live: LivePlatform, brazil: Found, approve_in_slack: Click) -> None:
        before = live.api.card(brazil.card.incident_id)
        target = brazil.card.subjects[0]
        assert approve_in_slack.send(live) == 200
        after = live.api.card(brazil.card.incident_id)
        assert after.execution == before.execution
        assert after.approval == before.approval
        assert target in after.subjects


@pytest.fixture(scope="module")
def screen(colombia: Found, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    chromium()
    directory = tmp_path_factory.mktemp("browser")
    with browser(directory) as page:
        page.resize(*DESKTOP)
        yield page


class TestConsole:
    """In this order: it is one visit."""

    def test_an_engineer_signs_in(self, live: LivePlatform, screen: Page) -> None:
        screen.open(f"{live.workspace.copilot_url}/console")
        screen.wait("location.pathname === '/console/login'")
        screen.type("#api_key", live.workspace.keys["alice"])
        screen.click("form button")
        screen.wait("location.pathname === '/console'")
        assert "INC-0001" in screen.text()
        assert "INC-0002" in screen.text()

    def test_the_incident_says_what_why_and_what_to_press(self, screen: Page, colombia: Found, tmp_path: Path) -> None:
        screen.click(f"a[href$='{colombia.card.incident_id}']")
        screen.wait("document.querySelector('form.decide') !== null")
        said = screen.text()
        assert colombia.card.label in said
        assert colombia.card.title in said
        assert colombia.card.most_likely is not None
        assert colombia.card.most_likely.title in said
        assert screen.count("details[id^=E]") >= 3, "the evidence is there"
        assert screen.count("table.diff tbody tr") >= 1, "so is what would change"
        assert screen.count("svg.chart polyline") >= 1, "so is a chart"
        screen.screenshot(tmp_path / "incident-desktop.png")

    def test_it_can_be_read_on_a_phone(self, screen: Page, tmp_path: Path) -> None:
        screen.resize(*PHONE, phone=True)
        screen.screenshot(tmp_path / "incident-phone.png")
        assert screen.overflow() <= 0, "nothing has to be scrolled sideways"
        heights = screen.evaluate("[...document.querySelectorAll('.decide button')].map(b => b.offsetHeight)")
        assert min(heights) >= 44, "a thumb needs 44 px"
        screen.resize(*DESKTOP)

    @pytest.mark.parametrize("path", ["/console", "/console/approvals", "/console/audit", "/console/health"])
    def test_so_can_every_other_page(self, live: LivePlatform, screen: Page, path: str, tmp_path: Path) -> None:
        back = screen.evaluate("location.href")
        screen.resize(*PHONE, phone=True)
        screen.open(f"{live.workspace.copilot_url}{path}")
        screen.screenshot(tmp_path / "page.png")
        assert screen.evaluate("document.querySelector('h1').innerText")
        assert screen.overflow() <= 0
        screen.resize(*DESKTOP)
        screen.open(back)

    def test_approved_by_the_form_it_is_done_and_verified(
        self, live: LivePlatform, screen: Page, colombia: Found, tmp_path: Path
    ) -> None:
        screen.type("form.decide input[name=reason]", "2.9.0 goes back until its parser is mended")
        screen.click("button.approve")
        live.ended(colombia.card.incident_id)
        screen.wait("document.body.innerText.includes('verified')")
        screen.open(screen.evaluate("location.href"))
        said = screen.text()
        assert "approve by human:alice over console" in said
        assert "2.9.0 goes back until its parser is mended" in said
        assert screen.count("form.decide") == 0, "there is nothing left to press"
        card = live.api.card(colombia.card.incident_id)
        assert card.verification is not None
        assert card.verification.verified, card.verification.checks
        screen.screenshot(tmp_path / "outcome-desktop.png")

    def test_nothing_complained_and_nothing_left_the_machine(self, screen: Page) -> None:
        assert screen.complaints == []
        hosts = {urllib.parse.urlsplit(address).hostname for address in screen.requested}
        assert hosts <= {"127.0.0.1", None}


class TestAfterwards:
    def test_what_stays_mended_is_resolved(self, live: LivePlatform, brazil: Found) -> None:
        def over() -> bool:
            alerts = live.api.alerts(brazil.card.incident_id)
            return all(alert["status"] == "resolved" for alert in alerts)

        live.until(over, 60, "the word of Alertmanager that nothing fires any more")
        live.until(lambda: live.api.card(brazil.card.incident_id).status == "resolved", 60, "the end of the cooldown")

    def test_the_audit_log_holds_the_whole_evening(self, live: LivePlatform) -> None:
        assert verify_audit(live.workspace).verified
