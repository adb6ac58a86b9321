"""An approval request in a terminal, for whoever is about to decide it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from guardrails.approvals.types import ApprovalRequest
from interfaces.terminal.safety import safe_model


def print_approval(request: ApprovalRequest, console: Console | None = None) -> None:
    """Everything the decision is bound to, as plain text."""
    request = safe_model(request)
    proposal = request.proposal
    radius = proposal.blast_radius
    rows = [
        ("request", f"{request.id} · {request.status} · expires {request.expires_at:%Y-%m-%d %H:%M} UTC"),
        ("would do", f"{proposal.tool}: {proposal.plan.summary}"),
        *(("change", f"{c.field}: {c.before!r} → {c.after!r}") for c in proposal.plan.changes),
        ("target", f"{proposal.plan.target} at revision {proposal.plan.target_revision} ({proposal.environment})"),
        ("why", f"{proposal.rationale} [{' '.join(proposal.evidence_ids)}]"),
        ("expected", proposal.plan.expected_effect),
        ("reaches", f"{radius.feature_views} feature views, endpoints: {', '.join(radius.endpoints) or 'none'}"),
        ("undo", f"{proposal.compensation.summary if proposal.compensation else 'none'} ({proposal.tier})"),
        *(("verified by", condition.description) for condition in proposal.post_conditions),
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
    console = console or Console()
    for label, value in rows:
        console.print(Text(f"{label:<12}", style="bold") + Text(value))
