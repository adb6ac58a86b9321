"""People propose and edit, by the same path as the agent: planned against the target, bound by digest, judged, asked.

What a person types is theirs and trusted. What merely stands in evidence is not: a text argument that is none of our
names is looked for in what tools and alerts said; where it stands in a text that carries instructions it is refused,
elsewhere the evidence is cited, so that whoever approves sees where the word comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from agents.diagnosis.proposals import bind
from agents.diagnosis.vocabulary import names_of
from agents.incident.card_building import outside_texts
from agents.incident.store import WHEN_IDLE, IncidentStore
from agents.incident.types import Incident
from foundation.clock import Clock
from foundation.errors import Conflict, InvalidInput, NotFound, VigiaError
from foundation.frozen import Frozen
from foundation.nearest import did_you_mean
from foundation.outside_text import OutsideText, Redact
from foundation.reasons import reason_for, require_short
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.types import ApprovalRequest, Channel
from guardrails.executor.port import Planner
from guardrails.proposal import ActionProposal
from guardrails.taint.choices import act_tool, own_name, strings_in
from guardrails.taint.quoting import borrows_from, foreign_texts, stands_in
from guardrails.taint.suspicion import folded, suspicious
from guardrails.taint.tainted import TaintedChoice, tainted_by
from platform_core.access.principals import Principal
from platform_core.catalog.lineage import Lineage

MOST_ARGUMENTS = 50
LONGEST_MESSAGE = 600
"""Characters of a refusal that repeats what was typed."""


class Typed(Protocol):
    """`tools.act.action_types()` holds such."""

    @classmethod
    def typed(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """As JSON values of the types that the action declares. Raises InvalidInput."""
        ...


class Proposed(Frozen):
    """`request` is None where nothing was asked yet: then this is what would be."""

    proposal: ActionProposal
    request: ApprovalRequest | None = None
    replaces: ApprovalRequest | None = None


class ProposalDesk:
    """`planners` of a person see what that person may see, and can plan and nothing else. Everything raises NotFound
    for what the person may not see, InvalidInput for what cannot be planned, Forbidden where policy or taint refuse,
    Conflict when it is not the time for it."""

    def __init__(
        self,
        store: IncidentStore,
        approvals: ApprovalService,
        planners: Callable[[Principal], Mapping[str, Planner]],
        types: Mapping[str, type[Typed]],
        lineage: Callable[[], Lineage],
        *,
        clock: Clock,
        redact: Redact,
    ) -> None:
        self._store = store
        self._approvals = approvals
        self._planners = planners
        self._types = types
        self._lineage = lineage
        self._clock = clock
        self._outside = OutsideText(redact)

    def propose(
        self,
        reference: str,
        person: Principal,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        reason: str,
        channel: Channel,
        shown: str | None = None,
        dry_run: bool = False,
    ) -> Proposed:
        """A person's own proposal for the incident of `reference`; `shown` is the digest of the diff they saw."""
        incident = self._incident(reference, person)
        proposal = self._draft(incident, person, tool, arguments, reason, ())
        proposal = self._cited(proposal, person, {}, channel=channel)
        _require_shown(proposal, shown)
        if dry_run:
            return Proposed(proposal=proposal)
        waiting = [r for r in self._approvals.for_incident(incident.id) if r.status in ("pending", "approved")]
        if waiting:
            raise Conflict(f"{waiting[0].id} of {incident.label} is {waiting[0].status} still", hint=WHEN_IDLE)
        with self._approvals.telling_refusals(proposal, channel):
            request = self._store.begin_with(proposal, self._approvals.joining(proposal, channel=channel))
        self._tell(proposal, "proposal.made", f"proposed {proposal.tool}: {proposal.plan.summary}")
        return Proposed(proposal=proposal, request=request)

    def revise(
        self,
        request_id: str,
        person: Principal,
        changes: Mapping[str, Any],
        *,
        reason: str,
        channel: Channel,
        shown: str | None = None,
        dry_run: bool = False,
    ) -> Proposed:
        """An edit: the same tool with other arguments, in the place of what waits. None takes an argument away."""
        older = self.visible(request_id, person)
        incident = self._incident(older.proposal.incident_id, person)
        before = older.proposal.arguments
        merged = {name: value for name, value in {**before, **changes}.items() if value is not None}
        proposal = self._draft(incident, person, older.proposal.tool, merged, reason, older.proposal.evidence_ids)
        proposal = self._cited(proposal, person, before, channel=channel, revises=request_id)
        _require_shown(proposal, shown)
        if dry_run:
            return Proposed(proposal=proposal, replaces=older)
        request = self._approvals.revise(request_id, proposal, channel=channel)
        self._store.edit_proposal(older.proposal, proposal)
        self._tell(proposal, "proposal.edited", f"edited what waits for approval: {proposal.plan.summary}")
        return Proposed(proposal=proposal, request=request, replaces=self._approvals.get(request_id))

    def visible(self, request_id: str, person: Principal) -> ApprovalRequest:
        try:
            found = self._approvals.get(request_id) if request_id.isprintable() else None
        except NotFound:
            found = None
        if found is None or not self._approvals.may_see(person, found):
            raise NotFound(f"there is no approval request {request_id[:80]!r}", hint="or it is not yours to see")
        return found

    def _incident(self, reference: str, person: Principal) -> Incident:
        try:
            found = self._store.find(reference) if reference.isprintable() else None
        except NotFound:
            found = None
        if found is None or not person.may_act_for(found.tenant):
            raise NotFound(
                f"there is no incident {reference[:80]!r}", hint="or it belongs to a tenant that is not yours"
            )
        return found

    def _draft(  # noqa: PLR0917 - about what, by whom, and what
        self,
        incident: Incident,
        person: Principal,
        tool: str,
        arguments: Mapping[str, Any],
        reason: str,
        cited: tuple[str, ...],
    ) -> ActionProposal:
        require_short("a proposal", reason)
        said = reason_for("a proposal", self._outside.text(reason))
        planners = self._planners(person)
        if tool not in planners:
            raise InvalidInput(f"there is no action {tool[:80]!r}", hint=did_you_mean(tool[:80], sorted(planners)))
        if len(arguments) > MOST_ARGUMENTS:
            raise InvalidInput(f"{len(arguments)} arguments: an action takes at most {MOST_ARGUMENTS}")
        planner = planners[act_tool(tool, planners)]
        try:
            given = self._types[tool].typed(arguments)
            plan, lineage = planner.plan(given), self._lineage()
        except VigiaError as error:
            # It repeats what was typed, to whoever reads the answer and wherever that is kept.
            error.message = self._outside.text(error.message[:LONGEST_MESSAGE])
            raise
        return bind(
            planner,
            given,
            plan,
            lineage,
            incident_id=incident.id,
            evidence_ids=cited,
            rationale=said,
            requested_by=person.id,
            clock=self._clock,
        )

    def _cited(
        self,
        proposal: ActionProposal,
        person: Principal,
        before: Mapping[str, Any],
        *,
        channel: Channel,
        revises: str | None = None,
    ) -> ActionProposal:
        """With the evidence that what was typed stands in. Every refusal is audited."""
        self._approvals.require_may_propose(proposal, person, channel=channel, revises=revises)
        # Of the diff only what the target has now: what it shall have was typed.
        now = tuple(change.model_copy(update={"after": None}) for change in proposal.plan.changes)
        plan = proposal.plan.model_copy(update={"changes": now})
        ours = names_of(self._lineage(), plan, *strings_in(list(before.values())))
        typed = {name: value for name, value in proposal.arguments.items() if before.get(name) != value}
        with self._approvals.telling_refusals(proposal, channel, revises=revises):
            quoted = self._quoted(proposal.incident_id, typed, ours)
        cited = tuple(dict.fromkeys((*proposal.evidence_ids, *quoted)))
        return proposal.model_copy(update={"evidence_ids": cited})

    def _quoted(self, incident_id: str, arguments: Mapping[str, Any], ours: frozenset[str]) -> list[str]:
        """Evidence that the arguments' words stand in. Raises TaintedChoice where that evidence gives orders."""
        texts = list(outside_texts(self._store.alerts(incident_id), self._store.evidence(incident_id)))
        ordering = {found.where for found in suspicious(texts)}
        places = [(place, folded(text)) for place, text in texts]
        ours_folded = {folded(name) for name in ours}
        cited: list[str] = []
        for name, value in arguments.items():
            for said in foreign_texts(value, lambda text: own_name(tainted_by("a form", text), ours) is not None):
                bad = [
                    place
                    for place, text in places
                    if place in ordering and borrows_from(said, text, ours_folded.__contains__)
                ]
                if bad:
                    raise TaintedChoice(
                        self._outside.text(f"{name[:80]}={str(value)[:80]!r}")
                        + f" is none of our names and stands in {', '.join(sorted(set(bad)))}, "
                        "which gives orders",
                        hint="see the suspicious content on the incident's card: somebody wrote it for you to copy",
                    )
                cited += [place for place, text in places if place.startswith("E") and stands_in(said, text)]
        return cited

    def _tell(self, proposal: ActionProposal, kind: str, text: str) -> None:
        key = f"{kind}:{proposal.id}"
        self._store.tell(proposal.incident_id, kind, text, key=key, actor=proposal.requested_by)


def _require_shown(proposal: ActionProposal, shown: str | None) -> None:
    if shown is not None and shown != proposal.digest:
        raise Conflict("this is no longer the change that was shown", hint="look at the diff again")
