"""Settings of redaction: the vault of pseudonyms, who may reveal them, further recognizers of Presidio."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from foundation.frozen import Frozen
from foundation.secrets.urls import UrlWithSecret
from platform_core.access.principals import Role


class RedactionSettings(Frozen):
    presidio_path: Path | None = None
    """YAML file of further recognizers in Presidio's format; with an `nlp_configuration`, also a model of named
    entities. They cost what Presidio costs; without the file only our own scan runs."""

    max_characters: int = Field(default=8_000_000, ge=1000)
    """Of one text. A longer one is withheld."""

    vault_url: UrlWithSecret = Field(default="", repr=False)
    """SQLAlchemy URL of the vault; `vault.db` in the data directory when not set, the metadata's server where that is
    PostgreSQL."""

    keep_days: float = Field(default=90, gt=0, le=3650)
    """How long what a pseudonym stands for can be revealed."""

    reveal_roles: frozenset[Role] = frozenset({"approver", "admin"})
