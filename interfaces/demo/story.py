"""The story itself: boot, break, wait for the incident, decide, see it verified."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agents.incident.card import IncidentCard
from foundation.errors import Unavailable
from guardrails.approvals.types import ApprovalRequest
from interfaces.demo.api import DemoApi, NotAnswering
from interfaces.demo.children import Children
from interfaces.demo.options import DemoOptions
from interfaces.demo.progress import Teller
from interfaces.demo.workspace import Workspace

BOOT_SECONDS = 240.0
WARM_TICKS = 8
"""Healthy ticks before anything is broken: monitors compare with what was."""

QUIET_TICKS = 30
"""How long a healthy platform is watched with `--fault none`."""

NOTICE_SECONDS = 120.0
MEND_SECONDS = 180.0
_POLL = 0.2
T = TypeVar("T")


@dataclass
class Told:
    """What happened, as far as the story came. Durations in seconds of the wall."""

    boot: float = 0.0
    alerts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    cards: list[IncidentCard] = field(default_factory=list[IncidentCard])
    evidence: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    request: ApprovalRequest | None = None
    approve_to_verified: float | None = None
    untouched: bool | None = None
    """After a rejection: whether the target is at the revision it was planned against."""

    @property
    def card(self) -> IncidentCard | None:
        return self.cards[0] if self.cards else None


class Story:
    def __init__(
        self, options: DemoOptions, workspace: Workspace, children: Children, api: DemoApi, teller: Teller
    ) -> None:
        self._options = options
        self._workspace = workspace
        self._children = children
        self._api = api
        self._teller = teller
        self.told = Told()

    def boot(self) -> None:
        """Start everything and wait until payments flow and every process is ready."""
        began = time.perf_counter()
        with self._teller.step("the platform boots: two weeks of payments, features, a model, live traffic"):
            # First the simulation, which has most to do; the others load while it writes history.
            self._children.start("simulation", ["platform", "simulate"])
            self._until(lambda: self._api.simulation_status()["state"] != "unreachable", BOOT_SECONDS, "simulation")
            self._children.start("serving", ["platform", "serve"])
            self._children.start("copilot", ["serve"])
            self._children.start("worker", ["worker"])
            self._until(self._live, BOOT_SECONDS, "live traffic")
            self._until(
                lambda: self._api.answering(f"{self._workspace.copilot_url}/readyz"), BOOT_SECONDS, "the copilot"
            )
        self.told.boot = time.perf_counter() - began

    def warm_up(self) -> None:
        """Healthy ticks, so that there is a usual to differ from."""
        wanted = self._api.simulation_status()["ticks"] + WARM_TICKS
        with self._teller.step("healthy traffic"):
            self._until(lambda: self._ticks() >= wanted, BOOT_SECONDS, "healthy ticks")

    def watch_quiet(self) -> None:
        """`--fault none`: nothing is wrong, and nobody should be told otherwise."""
        wanted = self._api.simulation_status()["ticks"] + QUIET_TICKS
        with self._teller.step(f"watching a healthy platform for {QUIET_TICKS} ticks"):
            self._until(lambda: self._ticks() >= wanted, BOOT_SECONDS, "quiet ticks")
        self.read()

    def break_it(self) -> None:
        self._api.inject(self._options.fault)
        self._teller.say(f"fault injected: {self._options.fault}")

    def wait_for_diagnosis(self) -> IncidentCard:
        """Alert, incident, diagnosis, and either a request for approval or the end of the round."""
        with self._teller.step("waiting for the platform's own monitors to notice"):
            self._until(lambda: bool(self._api.incidents()), NOTICE_SECONDS, "an alert")
        with self._teller.step("the copilot investigates"):
            self._until(self._diagnosed, NOTICE_SECONDS, "a diagnosis")
        card = self._patiently(self._first)
        if card.approval is not None:
            self.told.request = self._request(card.approval.id)
        return card

    def wait_for_second_thoughts(self) -> IncidentCard:
        """New evidence superseded what was asked: another request, or the end of the round without one."""
        before = self.told.request
        with self._teller.step("new evidence: the copilot asks anew"):
            self._until(lambda: self._asked_anew(before), NOTICE_SECONDS, "another proposal")
        card = self._patiently(self._first)
        anew = card.approval is not None and before is not None and card.approval.id != before.id
        self.told.request = self._request(card.approval.id) if anew and card.approval else None
        return card

    def _asked_anew(self, before: ApprovalRequest | None) -> bool:
        card = self._first()
        asked = card.approval is not None and before is not None and card.approval.id != before.id
        return asked or card.outcome is not None

    def wait_for_end(self, decided: ApprovalRequest) -> None:
        """After the decision: execution and verification, or nothing at all."""
        began = time.perf_counter()
        approved = decided.status in ("approved", "claimed")
        doing = "executed by the worker, then verified by probes" if approved else "the round ends, nothing is executed"
        with self._teller.step(doing):
            self._until(self._ended, MEND_SECONDS, "the end of the incident")
        if self._patiently(self._first).verification is not None:
            self.told.approve_to_verified = time.perf_counter() - began
        if self.told.request is not None:
            plan = self.told.request.proposal.plan
            self.told.untouched = self._patiently(lambda: self._api.revision(plan.target)) == plan.target_revision
        self.read()

    def read(self) -> None:
        """Take down how everything stands now."""
        self._patiently(self._read)

    def _read(self) -> None:
        incidents = self._api.incidents()
        self.told.alerts = [alert for incident in incidents for alert in self._api.alerts(incident.id)]
        self.told.cards = [self._api.card(incident.id) for incident in incidents]
        if self.told.card is not None:
            self.told.evidence = self._api.evidence(self.told.card.incident_id)
        if self.told.request is not None:
            self.told.request = self._api.approval(self.told.request.id)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """The answer, once there is one. Raises Unavailable as `_until`."""
        answers: list[T] = []

        def asked() -> bool:
            answers.append(ask())
            return True

        self._until(asked, NOTICE_SECONDS, "an answer")
        return answers[0]

    def _request(self, request_id: str) -> ApprovalRequest:
        return self._patiently(lambda: self._api.approval(request_id))

    def _first(self) -> IncidentCard:
        return self._api.card(self._api.incidents()[0].id)

    def _diagnosed(self) -> bool:
        card = self._first()
        return card.verdict is not None and (card.approval is not None or card.outcome is not None)

    def _ended(self) -> bool:
        return self._first().outcome is not None

    def _live(self) -> bool:
        status = self._api.simulation_status()
        self._teller.detail(f"{status['step']}: {status['detail']}")
        if status["state"] == "failed":
            raise Unavailable(f"the simulation failed: {status['detail']}")
        return status["state"] == "live"

    def _ticks(self) -> int:
        return self._api.simulation_status()["ticks"]

    def _now(self, done: Callable[[], bool]) -> bool:
        try:
            return done()
        except NotAnswering:
            return False

    def _until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Raises Unavailable when a process dies meanwhile, or when it takes longer than `seconds`."""
        deadline = time.perf_counter() + seconds
        while not self._now(done):
            self._children.check()
            if time.perf_counter() > deadline:
                raise Unavailable(
                    f"{what} did not come within {seconds:.0f} s", hint=f"see {self._workspace.directory / 'logs'}"
                )
            time.sleep(_POLL)
