"""The whole incident room over one directory: real database, audit log, policy, approvals, executor and graph."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from agents.incident.assembly import FlowParts, assemble_worker
from agents.incident.card import IncidentCard
from agents.incident.card_building import CardBuilder
from agents.incident.correlation import CorrelationRules
from agents.incident.inbox import AlertInbox
from agents.incident.ports import Notifier, Observer, unobserved
from agents.incident.reconciler import Reconciler
from agents.incident.store import IncidentStore
from agents.runbooks.library import RunbookLibrary
from audit.log import SqlAuditLog
from foundation.clock import Clock
from foundation.database import metadata, open_database
from guardrails.approvals.service import ApprovalService
from guardrails.executor.executor import Executor
from guardrails.policy.policy import Policy
from platform_core.access.principals import Principal
from platform_core.monitoring.alert import Alert, AlertKind
from platform_core.urn import urn
from tests.fakes.incident_flow import FileTarget, OneFaultTriage, PlainNarrator, RestartConnector
from tests.fakes.lineage import small_lineage

ALICE = Principal(id="human:alice", name="Alice", roles=frozenset({"oncall"}), tenants=frozenset({"br"}))


class RememberingNotifier(Notifier):
    """Keeps every card; `fail_next` makes as many sends fail as a chat that is down would."""

    def __init__(self) -> None:
        self.cards: list[IncidentCard] = []
        self.fail_next = 0

    def incident_changed(self, card: IncidentCard) -> None:
        if self.fail_next:
            self.fail_next -= 1
            raise ConnectionError("chat is down")
        self.cards.append(card)


@dataclass
class IncidentRoom:
    engine: Engine
    clock: Clock
    audit: SqlAuditLog
    inbox: AlertInbox
    store: IncidentStore
    approvals: ApprovalService
    executor: Executor
    cards: CardBuilder
    worker: Reconciler
    target: FileTarget
    action: RestartConnector
    triage: OneFaultTriage
    notifier: RememberingNotifier
    runbooks: RunbookLibrary
    directory: Path

    def alert(self, number: int = 1, kind: AlertKind = "freshness", **more: object) -> Alert:
        subject = urn("feature_view", "card_velocity") if kind == "freshness" else urn("source", "payments_br")
        values = {
            "source": "test",
            "fingerprint": f"f{number}",
            "starts_at": self.clock.now(),
            "kind": kind,
            "subject": subject,
            "tenant": "br",
            "severity": "critical",
            "summary": f"{kind}: 720 s over 600 s",
        }
        return Alert.model_validate(values | more)

    def settle(self) -> None:
        """Work until nothing is due."""
        while self.worker.step():
            pass

    def approve(self) -> None:
        for request in self.approvals.pending():
            self.approvals.decide(request.id, ALICE, "approve", channel="cli")


def open_room(
    directory: Path,
    clock: Clock,
    *,
    observer: Observer = unobserved,
    prepare: Callable[[Engine], None] = lambda engine: None,
    wall: Callable[[], float] = time.time,
    threads: int = 4,
    rules: CorrelationRules | None = None,
    lease_seconds: float = 5.0,
    url: str | None = None,
) -> IncidentRoom:
    engine = open_database(url or f"sqlite:///{directory / 'vigia.db'}")
    if not sa.inspect(engine).has_table("incidents"):
        metadata.create_all(engine)
    prepare(engine)
    audit = SqlAuditLog(engine, clock)
    policy = Policy.load(None)
    approvals = ApprovalService(engine, clock, audit, policy, expires_after=timedelta(minutes=30))
    target = FileTarget(directory / "target.json")
    action = RestartConnector(target, observer)
    executor = Executor(
        engine, clock, audit, approvals, policy, {action.name: action}, people=lambda _id: ALICE, actor="service:worker"
    )
    triage = OneFaultTriage(target, action)
    runbooks = RunbookLibrary(directory / "runbooks")
    notifier = RememberingNotifier()
    lineage = small_lineage()
    worker = assemble_worker(
        FlowParts(
            engine=engine,
            clock=clock,
            audit=audit,
            lineage=lambda: lineage,
            triage=triage,
            narrator=PlainNarrator(),
            approvals=approvals,
            executor=executor,
            runbooks=runbooks,
            reports=directory / "reports",
            checkpoints_url=url or f"sqlite:///{directory / 'checkpoints.db'}",
            log=audit,
            notifiers=(notifier,),
            rules=rules or CorrelationRules(),
            lease_seconds=lease_seconds,
            observer=observer,
            wall=wall,
            threads=threads,
        )
    )
    store = IncidentStore(engine, clock, audit)
    return IncidentRoom(
        engine=engine,
        clock=clock,
        audit=audit,
        inbox=AlertInbox(engine, clock, audit),
        store=store,
        approvals=approvals,
        executor=executor,
        cards=CardBuilder(store, approvals, executor, runbooks, clock, log=audit),
        worker=worker,
        target=target,
        action=action,
        triage=triage,
        notifier=notifier,
        runbooks=runbooks,
        directory=directory,
    )
