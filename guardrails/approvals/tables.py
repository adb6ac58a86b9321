"""Proposals, requests for approval, decisions, delegations, reminders, and the switches."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import UtcDateTime, metadata

proposals = sa.Table(
    "proposals",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("incident_id", sa.String(64), nullable=False, index=True),
    sa.Column("tool", sa.String(80), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    # JSON as text: JSONB would rewrite numbers, and the digest is over exact values.
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

approval_requests = sa.Table(
    "approval_requests",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("proposal_id", sa.ForeignKey("proposals.id"), nullable=False, unique=True),
    sa.Column("incident_id", sa.String(64), nullable=False, index=True),
    # What was shown: SHA-256 of the stored proposal, tier, blast radius and all.
    sa.Column("document_sha256", sa.String(64), nullable=False),
    sa.Column(
        "status",
        sa.String(10),
        sa.CheckConstraint("status IN ('pending','approved','rejected','expired','claimed')", name="status"),
        nullable=False,
        index=True,
    ),
    sa.Column("rule", sa.String(400), nullable=False),
    sa.Column("approvers_needed", sa.Integer, nullable=False),
    sa.Column("approvals", sa.Integer, nullable=False),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    # An approval that is not executed by then is void.
    sa.Column("grant_expires_at", UtcDateTime),
    sa.Column("closed_reason", sa.String(400)),
    # The request that a person's edit put in its place.
    sa.Column("superseded_by", sa.String(64), index=True),
    # Of a grant, the approvals that made it: never more than were needed.
    sa.CheckConstraint("approvals <= approvers_needed", name="approvals"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("request_id", sa.ForeignKey("approval_requests.id"), primary_key=True),
    # One person, one voice.
    sa.Column("principal_id", sa.String(200), primary_key=True),
    sa.Column("verdict", sa.String(10), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("channel", sa.String(10), nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    # Whose right it was, when somebody decided by delegation.
    sa.Column("on_behalf_of", sa.String(200)),
    # The delegator, or the person themselves: one right, one voice, whoever speaks. NULL in rows of older releases.
    sa.Column("authority", sa.String(200)),
    sa.Index("ix_decisions_request_id_authority", "request_id", "authority", unique=True),
)

delegations = sa.Table(
    "delegations",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("delegator", sa.String(200), nullable=False, index=True),
    sa.Column("delegate", sa.String(200), nullable=False, index=True),
    # NULL: every tenant that the delegator may act for.
    sa.Column("tenant", sa.String(64)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("ends_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
)

broken_glass = sa.Table(
    "broken_glass",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("opened_by", sa.String(200), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("environment", sa.String(20), nullable=False),
    # NULL: every tenant.
    sa.Column("tenant", sa.String(64)),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("ends_at", UtcDateTime, nullable=False),
    # The review that must follow.
    sa.Column("reviewed_by", sa.String(200)),
    sa.Column("reviewed_at", UtcDateTime),
    sa.Column("review", sa.Text),
)
# Nobody has two whose review is open: of several openings at the same moment one stays.
sa.Index(
    "ix_broken_glass_unreviewed",
    broken_glass.c.opened_by,
    unique=True,
    sqlite_where=broken_glass.c.reviewed_at.is_(None),
    postgresql_where=broken_glass.c.reviewed_at.is_(None),
)

approval_reminders = sa.Table(
    "approval_reminders",
    metadata,
    sa.Column("request_id", sa.ForeignKey("approval_requests.id"), primary_key=True),
    # 1, 2, …: of several workers one makes each.
    sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    # NULL until the notifier has taken it.
    sa.Column("told_at", UtcDateTime),
)

glass_notices = sa.Table(
    "glass_notices",
    metadata,
    sa.Column("glass_id", sa.ForeignKey("broken_glass.id"), primary_key=True),
    # 0: it was broken; 1, 2, …: its review is still open. Of several workers one makes each.
    sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    # NULL until the notifier has taken it.
    sa.Column("told_at", UtcDateTime),
)

guard_switches = sa.Table(
    "guard_switches",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("engaged", sa.Boolean, nullable=False),
    sa.Column("changed_by", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
)
