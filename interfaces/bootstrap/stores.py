"""What the command line reads and decides on, straight from the database."""

from __future__ import annotations

from agents.incident.card import IncidentCard
from agents.incident.card_building import CardBuilder
from agents.incident.store import IncidentStore
from agents.runbooks.library import RunbookLibrary
from guardrails.approvals.service import ApprovalService
from guardrails.budgets.types import Spend, Spender
from guardrails.executor.executor import Executor
from guardrails.policy.policy import PolicySource
from interfaces.bootstrap.approvers import who_may
from interfaces.bootstrap.budgets import BudgetNotes, make_ledger
from interfaces.bootstrap.foundations import Foundations, open_existing
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.redaction import redactor
from interfaces.principals import open_directory
from interfaces.settings import Settings


def make_incidents(base: Foundations) -> IncidentStore:
    return IncidentStore(base.engine, base.clock, base.audit)


def make_cards(
    base: Foundations, incidents: IncidentStore, approvals: ApprovalService, policy: PolicySource
) -> CardBuilder:
    people = open_directory(base.settings.principals_file, base.settings.environment)
    # An executor without actions: it can say what was executed, and execute nothing.
    executions = Executor(
        base.engine,
        base.clock,
        base.audit,
        approvals,
        policy,
        {},
        people=people.get,
        actor="service:reader",
    )
    runbooks = RunbookLibrary(base.settings.data_dir / "runbooks")
    return CardBuilder(
        incidents,
        approvals,
        executions,
        runbooks,
        base.clock,
        log=base.audit,
        redact=redactor(base.settings).redact,
        who_may=who_may(policy, people),
        budget_note=BudgetNotes(base),
    )


def incident_store(settings: Settings) -> IncidentStore:
    return make_incidents(open_existing(settings))


def approval_service(settings: Settings) -> ApprovalService:
    return make_approvals(open_existing(settings), make_policy(settings))


def card_of(settings: Settings, reference: str) -> IncidentCard:
    """The card of `INC-0042`, `42` or an incident's id. Raises NotFound."""
    base = open_existing(settings)
    incidents = make_incidents(base)
    incident = incidents.find(reference)
    policy = make_policy(settings)
    return make_cards(base, incidents, make_approvals(base, policy), policy).build(incident.id)


def spent(settings: Settings, *, incident: str | None = None) -> list[Spend]:
    """What was spent in the newest scopes, or on behalf of one incident (its id, or `INC-0042`). Raises NotFound."""
    base = open_existing(settings)
    ledger = make_ledger(base)
    if incident is None:
        return ledger.newest()
    found = make_incidents(base).find(incident)
    return ledger.of_spender(Spender(found.id, found.tenant))
