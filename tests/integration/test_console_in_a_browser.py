"""The console in a real browser, without script of its own: sign in, read the card, press Approve."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.incident.correlation import Correlator
from agents.incident.inbox import AlertInbox
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.stores import make_incidents
from interfaces.principals import add_principal
from interfaces.settings import Settings
from platform_core.catalog.lineage import Lineage
from platform_core.monitoring.alert import Alert
from tests.fakes.browser import Page, browser
from tests.fakes.cards import quarantine_proposal
from tests.fakes.diagnoses import DIAGNOSIS
from tools.contract import Chart, Observation, Series

pytestmark = pytest.mark.server

HOSTILE = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Console:
    url: str
    key: str
    incident_id: str
    request_id: str
    base: Foundations


def waiting_incident(base: Foundations) -> tuple[str, str]:
    """An incident with evidence, diagnosis and a proposal that waits, as the worker would have left it."""
    now = base.clock.now()
    subject = "urn:vigia:source:payments_br"
    AlertInbox(base.engine, base.clock, base.audit).receive(
        [
            Alert(
                source="am", fingerprint="f", starts_at=now, kind="drift", subject=subject, tenant="br", summary=HOSTILE
            )
        ]
    )
    Correlator(base.engine, base.clock, base.audit, lambda: Lineage((), {subject: "br"})).correlate()
    store = make_incidents(base)
    incident = store.list()[0]
    store.transition(incident.id, "investigating", key="investigating:1", text="investigation 1")
    series = Series(name="p50", points=((now, 44.0), (now, 4400.0)))
    observation = Observation(
        status="success",
        summary=HOSTILE,
        chart=Chart(title="amount", unit="BRL", series=(series,), marks=((now, HOSTILE),)),
    )
    cited = sorted({e for h in DIAGNOSIS.ranked for f in h.supporting for e in f.evidence_ids})
    pieces = [
        Evidence(
            id=each, incident_id=incident.id, tool="column_profile", arguments={"source": "payments_br"},
            observation=observation, digest="0" * 64, collected_at=now, wall_ms=3,
        )
        for each in cited
    ]  # fmt: skip
    store.add_evidence(incident.id, 1, pieces)
    diagnosis: Diagnosis = DIAGNOSIS
    store.add_diagnosis(incident.id, 1, diagnosis)
    proposal = quarantine_proposal(incident_id=incident.id)
    store.add_proposal(proposal, round_number=1, purpose="action")
    request = make_approvals(base, make_policy(base.settings)).request(proposal)
    store.transition(incident.id, "awaiting_approval", key="awaiting", text="asked for approval")
    return incident.id, request.id


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    key = add_principal(tmp_path / "principals.yaml", name="alice", roles=["oncall"], tenants=["*"])
    base = open_foundations(Settings(data_dir=tmp_path))
    incident_id, request_id = waiting_incident(base)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(copilot_app(base), log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Console(url, key, incident_id, request_id, base)
        server.should_exit = True
        thread.join(timeout=10)
    base.engine.dispose()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with browser(tmp_path) as page:
        yield page


def sign_in(page: Page, console: Console) -> None:
    page.open(f"{console.url}/console")
    page.wait("document.querySelector('#api_key')")
    page.type("#api_key", console.key)
    page.click("main button")
    page.wait("location.pathname === '/console' && document.querySelector('a.row')")


def test_an_engineer_signs_in_reads_the_card_and_approves(page: Page, console: Console) -> None:
    sign_in(page, console)
    page.click("a.row")
    page.wait("document.querySelector('.decide')")
    text = page.text()
    assert "Most likely" in text
    assert HOSTILE in text, "text from outside is shown as text"
    assert page.evaluate("document.title").startswith("INC-0001")
    assert page.evaluate("document.querySelectorAll('svg.chart polyline').length") >= 1
    page.type(".decide input[name=reason]", "amounts are in cents")
    page.click("button.approve")
    page.wait("!document.querySelector('.decide') && document.querySelector('#proposal')")
    assert "approve by human:alice over console" in page.text()
    decided = make_approvals(console.base, make_policy(console.base.settings)).get(console.request_id)
    assert (decided.status, decided.decisions[0].channel) == ("approved", "console")
    assert decided.decisions[0].reason == "amounts are in cents"
    assert page.complaints == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_card_fits_a_phone_in_both_schemes(page: Page, console: Console, dark: bool) -> None:
    page.resize(390, 844, phone=True)
    page.colours("dark" if dark else "light")
    sign_in(page, console)
    page.open(f"{console.url}/console/incidents/{console.incident_id}")
    page.wait("document.querySelector('.decide')")
    assert page.overflow() <= 0
    heights = page.evaluate("[...document.querySelectorAll('.decide button')].map(b => b.offsetHeight)")
    assert min(heights) >= 44, "a thumb needs 44 px"
    ink, card = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.querySelector('.card')).backgroundColor]"
    )
    brightness = [sum(map(float, value[4:-1].split(","))) for value in (ink, card)]
    assert (brightness[0] > brightness[1]) == dark
