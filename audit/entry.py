"""What an audit entry is, and the bytes that are hashed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from foundation.frozen import Frozen


class AuditRecord(Frozen):
    """Something that happened, as its author tells it. `AuditLog.append` adds order, time and hashes.

    `action` is `<noun>.<past participle>` (`alert.received`, `approval.granted`, `action.started`); `actor` is a
    principal id (`human:alice`, `agent:incident`, `service:worker`); `subject` a URN or id; `payload` holds JSON values
    only, without raw personal data: redact before, or store digests.
    """

    action: str = Field(pattern=r"^[a-z_]+\.[a-z_]+$")
    actor: str
    subject: str
    tenant: str | None = None
    incident_id: str | None = None
    payload: dict[str, Any] = Field(default_factory=dict)


class AuditEntry(Frozen):
    """A record in its place in the log. `sequence` counts from 0 without gaps, as leaf indices of the Merkle tree do.

    `previous_hash` is the `leaf_hash` of the entry before (64 zeros for the first); `leaf_hash` is the RFC 6962 leaf
    hash over the canonical bytes of everything else, so that the chain and the tree protect the same bytes.
    """

    sequence: int
    recorded_at: datetime
    record: AuditRecord
    previous_hash: str
    leaf_hash: str
