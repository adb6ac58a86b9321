"""An approval request in a terminal, for whoever is about to decide it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from agents.incident.proposing import Proposed
from guardrails.approvals.types import ApprovalRequest, Batch
from guardrails.proposal import ActionProposal
from interfaces.card_words import reach
from interfaces.terminal.safety import safe_model


def print_approval(request: ApprovalRequest, console: Console | None = None) -> None:
    """Everything the decision is bound to, as plain text."""
    request = safe_model(request)
    proposal = request.proposal
    closed = f" · {request.closed_reason}" if request.closed_reason else ""
    rows = [
        ("request", f"{request.id} · {request.status} · expires {request.expires_at:%Y-%m-%d %H:%M} UTC{closed}"),
        *_bound(proposal),
        ("policy", f"{request.rule}: {request.approvers_needed} approval(s), asked by {proposal.requested_by}"),
        ("digest", proposal.digest),
        *(
            (
                "decision",
                f"{d.verdict} by {d.principal_id} over {d.channel} at {d.decided_at:%H:%M:%S}"
                + (f": {d.reason}" if d.reason else ""),
            )
            for d in request.decisions
        ),
    ]
    _print(rows, console)


def print_proposed(made: Proposed, console: Console | None = None) -> None:
    """What a person proposed or edited; of an edit also what it replaces."""
    made = safe_model(made)
    older = made.replaces
    rows = [("was", change) for change in _arguments_before(made)]
    if made.request is None:
        said = f"nothing was asked yet: repeat it without --dry-run, with --digest {made.proposal.digest}"
        _print([*rows, *_bound(made.proposal), ("dry run", said)], console)
        return
    if older is not None:
        rows = [("replaces", f"{older.id}, which nobody can approve or execute any more"), *rows]
    _print(rows, console)
    print_approval(made.request, console)


def print_alike(batch: Batch, requests: Sequence[ApprovalRequest], console: Console | None = None) -> None:
    """Everything of each, for one decision is about all of it."""
    for request in requests:
        proposal = safe_model(request).proposal
        _print([("request", request.id), *_bound(proposal), ("digest", proposal.digest), ("", "")], console)
    count = len(requests)
    more = f"; {batch.more} more are alike, decide these first" if batch.more else ""
    first = requests[0].id
    _print([
        ("alike", f"{count} request{'s' if count > 1 else ''}{more}"),
        ("approve", f"vigia approvals approve-batch {first} --digest {batch.digest}"),
        ("reject", f"vigia approvals reject-batch {first} --digest {batch.digest} --reason …"),
    ], console)  # fmt: skip


def _arguments_before(made: Proposed) -> list[str]:
    """The arguments that an edit changed, as they were."""
    if made.replaces is None:
        return []
    before, after = made.replaces.proposal.arguments, made.proposal.arguments
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [f"{name} = {before.get(name)!r}, now {after.get(name)!r}" for name in changed]


def _bound(proposal: ActionProposal) -> list[tuple[str, str]]:
    cited = f" [{' '.join(proposal.evidence_ids)}]" if proposal.evidence_ids else ""
    return [
        ("would do", f"{proposal.tool}: {proposal.plan.summary}"),
        *(("change", change.line) for change in proposal.plan.changes),
        ("target", f"{proposal.plan.target} at revision {proposal.plan.target_revision} ({proposal.environment})"),
        ("why", f"{proposal.rationale}{cited}"),
        ("expected", proposal.plan.expected_effect),
        ("reaches", reach(proposal.blast_radius)),
        ("undo", f"{proposal.compensation.summary if proposal.compensation else 'none'} ({proposal.tier})"),
        *(("verified by", condition.description) for condition in proposal.post_conditions),
    ]


def _print(rows: list[tuple[str, str]], console: Console | None) -> None:
    console = console or Console()
    for label, value in rows:
        console.print(Text(f"{label:<12}", style="bold") + Text(value))
