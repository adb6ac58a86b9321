"""Where pseudonyms are kept with what they stand for, encrypted.

Not in the metadata's schema: the vault is a database of its own, so that a text can be redacted inside a transaction,
and so that a copy of the metadata is not a copy of the vault."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import UtcDateTime

vault_metadata = sa.MetaData()

pseudonyms = sa.Table(
    "redaction_pseudonyms",
    vault_metadata,
    sa.Column("pseudonym", sa.String(200), primary_key=True),
    sa.Column("entity", sa.String(100), nullable=False),
    # HMAC of entity and value: the same value is found again without decrypting anything.
    sa.Column("fingerprint", sa.String(64), nullable=False, unique=True),
    # Nonce and AES-GCM ciphertext; empty for a secret, which gets a name and is never kept.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False, index=True),
)
