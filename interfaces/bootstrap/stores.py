"""What the command line reads and decides on, straight from the database."""

from __future__ import annotations

from collections.abc import Callable

from agents.incident.card import IncidentCard
from agents.incident.card_building import CardBuilder
from agents.incident.seeing import without_proposal
from agents.incident.store import IncidentStore
from agents.runbooks.library import RunbookLibrary
from foundation.errors import NotFound
from guardrails.approvals.break_glass import BreakGlass
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.types import ApprovalRequest
from guardrails.budgets.types import Spend, Spender
from guardrails.executor.executor import Executor
from guardrails.policy.policy import PolicySource
from interfaces.bootstrap.approvers import who_may
from interfaces.bootstrap.budgets import BudgetNotes, make_ledger
from interfaces.bootstrap.foundations import Foundations, open_existing
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.redaction import redactor
from interfaces.http.services import sees_proposals
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
        glass=BreakGlass(base.engine, base.clock, base.audit, policy).holding,
    )


def incident_store(settings: Settings) -> IncidentStore:
    return make_incidents(open_existing(settings))


def approval_service(settings: Settings) -> ApprovalService:
    return make_approvals(open_existing(settings), make_policy(settings))


def card_of(settings: Settings, reference: str, key: str | None = None) -> IncidentCard:
    """The card of `INC-0042`, `42` or an incident's id: as the person of `key` may see it, whole without one, for
    whoever runs this reads the database itself. Raises NotFound, Unauthenticated."""
    base = open_existing(settings)
    incidents, policy = make_incidents(base), make_policy(settings)
    person = open_directory(settings.principals_file, settings.environment).by_api_key(key) if key else None
    incident = incidents.find(reference)
    if person is not None and not person.may_act_for(incident.tenant):
        raise NotFound(f"no incident {reference[:80]!r}", hint="or it belongs to a tenant that is not yours")
    approvals = make_approvals(base, policy)
    card = make_cards(base, incidents, approvals, policy).build(incident.id)
    return card if person is None or sees_proposals(approvals, person, incident.id) else without_proposal(card)


def shown_to(settings: Settings, key: str | None) -> Callable[[ApprovalRequest], bool]:
    """What the person of `key` may see of requests; all without one. Raises Unauthenticated."""
    if not key:
        return lambda request: True
    person = open_directory(settings.principals_file, settings.environment).by_api_key(key)
    service = approval_service(settings)
    return lambda request: service.may_see(person, request)


def spent(settings: Settings, *, incident: str | None = None) -> list[Spend]:
    """What was spent in the newest scopes, or on behalf of one incident (its id, or `INC-0042`). Raises NotFound."""
    base = open_existing(settings)
    ledger = make_ledger(base)
    if incident is None:
        return ledger.newest()
    found = make_incidents(base).find(incident)
    return ledger.of_spender(Spender(found.id, found.tenant))
