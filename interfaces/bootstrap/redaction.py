"""The redactor of a process: one for all its boundaries, so that what one has learned the others know."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import timedelta

from guardrails.redaction.engine import FurtherRecognizers, Redactor
from guardrails.redaction.vault import Vault
from interfaces.bootstrap.classified import FieldsInForce, classified_fields
from interfaces.bootstrap.foundations import make_clock
from interfaces.bootstrap.secrets import key_file
from interfaces.settings import Settings

_made: OrderedDict[str, Redactor] = OrderedDict()
_KEPT = 4
"""Redactors of different settings in one process: one, but for tests."""
_making = threading.Lock()


def redactor(settings: Settings) -> Redactor:
    """The same for the same settings. Raises InvalidInput for a key, a catalog or a Presidio file that is not right."""
    asked = settings.model_dump_json(
        include={"data_dir", "database_url", "catalog_path", "environment", "redaction", "clock"}
    )
    with _making:
        if asked not in _made:
            _made[asked] = _make(settings)
            while len(_made) > _KEPT:
                _made.popitem(last=False)
        return _made[asked]


def open_vault(settings: Settings) -> Vault:
    """Raises Unavailable."""
    keys = settings.data_dir / "keys"
    return Vault.open(
        _vault_url(settings),
        make_clock(settings),
        key_file(keys / "redaction.key"),
        key_file(keys / "vault.key"),
        keep=timedelta(days=settings.redaction.keep_days),
    )


def _make(settings: Settings) -> Redactor:
    from interfaces.bootstrap.platform import catalog_of

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    files = catalog_of(settings)
    return Redactor(
        key_file(settings.data_dir / "keys" / "redaction.key"),
        classified=classified_fields(files),
        reclassified=FieldsInForce(files, settings.database_url, make_clock(settings), settings.environment),
        names=open_vault(settings),
        further=_further(settings),
        max_characters=settings.redaction.max_characters,
    )


def _further(settings: Settings) -> FurtherRecognizers | None:
    path = settings.redaction.presidio_path
    if path is None:
        return None
    from guardrails.redaction.presidio import Further

    return Further.load(path)


def _vault_url(settings: Settings) -> str:
    if settings.redaction.vault_url:
        return settings.redaction.vault_url
    if settings.database_url.startswith("postgresql"):
        return settings.database_url
    return f"sqlite:///{settings.data_dir.absolute() / 'vault.db'}"
