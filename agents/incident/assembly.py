"""Puts the incident flow together from the ports it is given. Bootstrap calls this; so do the crash tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import Engine

from agents.incident.announcer import Announcer
from agents.incident.card_building import CardBuilder, GlassOver, LogHead
from agents.incident.closing import Closer
from agents.incident.correlation import CorrelationRules, Correlator
from agents.incident.graph import IncidentGraph
from agents.incident.langgraph_runtime import open_checkpoints
from agents.incident.leasing import Leases
from agents.incident.looks import Looks
from agents.incident.ports import ActionExecutor, ApprovalDesk, Notifier, Observer, Triage, unobserved
from agents.incident.reconciler import Reconciler
from agents.incident.recording import Recorder
from agents.incident.steps import Steps
from agents.incident.store import IncidentStore
from agents.incident.verify import Verifier
from agents.llm.narrative import Narrator
from agents.runbooks.library import RunbookLibrary
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.outside_text import Redact, unredacted
from guardrails.proposal import ActionProposal
from platform_core.catalog.lineage import Lineage


@dataclass(frozen=True, kw_only=True)
class FlowParts:
    """What a worker is made of. `lineage` is asked for each time: the catalog may change while the worker runs."""

    engine: Engine
    clock: Clock
    audit: AuditLog
    lineage: Callable[[], Lineage]
    triage: Triage
    narrator: Narrator
    approvals: ApprovalDesk
    executor: ActionExecutor
    runbooks: RunbookLibrary
    reports: Path
    checkpoints_url: str
    log: LogHead | None = None
    who_may: Callable[[ActionProposal], str] = lambda _proposal: "those whom policy lets approve"
    redact: Redact = unredacted
    notifiers: Sequence[Notifier] = ()
    rules: CorrelationRules = field(default_factory=CorrelationRules)
    verify_every: timedelta = timedelta(seconds=15)
    lease_seconds: float = 5.0
    poll_seconds: float = 0.2
    threads: int = 4
    observer: Observer = unobserved
    budget_note: Callable[[str, str | None], str | None] = lambda incident_id, tenant: None
    glass: GlassOver = lambda environment, tenant: ()
    wall: Callable[[], float] = time.time


def assemble_worker(parts: FlowParts) -> Reconciler:
    """A worker over `parts`; opens the checkpoints and puts the shipped runbooks where they are missing."""
    parts.runbooks.seed()
    store = IncidentStore(parts.engine, parts.clock, parts.audit, redact=parts.redact, wall=parts.wall)
    cards = CardBuilder(
        store,
        parts.approvals,
        parts.executor,
        parts.runbooks,
        parts.clock,
        log=parts.log,
        budget_note=parts.budget_note,
        glass=parts.glass,
        redact=parts.redact,
        who_may=parts.who_may,
    )
    leases = Leases(parts.engine, seconds=parts.lease_seconds, wall=parts.wall)
    verifier = Verifier(parts.triage.probe, parts.clock, interval=parts.verify_every, wall=parts.wall)
    steps = Steps(
        store=store,
        triage=parts.triage,
        narrator=parts.narrator,
        approvals=parts.approvals,
        executor=parts.executor,
        verifier=verifier,
        recorder=Recorder(store=store, cards=cards, runbooks=parts.runbooks, reports=parts.reports),
        clock=parts.clock,
        observer=parts.observer,
        looks=Looks(parts.engine, wall=parts.wall),
        max_rounds=parts.rules.max_rounds,
        max_looks=parts.rules.max_looks,
    )
    return Reconciler(
        store=store,
        correlator=Correlator(
            parts.engine, parts.clock, parts.audit, parts.lineage, rules=parts.rules, wall=parts.wall
        ),
        graph=IncidentGraph(
            steps, open_checkpoints(parts.checkpoints_url), observer=parts.observer, still_mine=leases.holds
        ),
        approvals=parts.approvals,
        executor=parts.executor,
        leases=leases,
        closer=Closer(parts.engine, parts.clock, store, parts.triage, parts.rules),
        announcer=Announcer(parts.engine, cards, parts.notifiers, wall=parts.wall),
        observer=parts.observer,
        rest_seconds=verifier.pause,
        poll_seconds=parts.poll_seconds,
        lease_seconds=parts.lease_seconds,
        threads=parts.threads,
    )
