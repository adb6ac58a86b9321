"""The redactor of a process: one for all its boundaries, so that what one has learned the others know."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

from foundation.clock import Clock
from guardrails.redaction.engine import FurtherRecognizers, Redactor
from guardrails.redaction.vault import Vault
from interfaces.bootstrap.classified import FieldsInForce, classified_fields
from interfaces.bootstrap.foundations import Foundations, make_clock
from interfaces.bootstrap.secrets import key_file
from interfaces.settings import Settings

_made: OrderedDict[str, Redactor] = OrderedDict()
_KEPT = 4
"""Redactors of different settings in one process: one, but for tests."""
_vaults: dict[str, Vault] = {}
_making = threading.Lock()
_DAY = timedelta(days=1)


def redactor(settings: Settings) -> Redactor:
    """The same for the same settings. Raises InvalidInput for a key, a catalog or a Presidio file that is not right."""
    asked = _asked(settings)
    with _making:
        if asked not in _made:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            _vaults[asked] = vault = _open_vault(settings)
            _made[asked] = _make(settings, vault)
            while len(_made) > _KEPT:
                _vaults.pop(_made.popitem(last=False)[0], None)
        return _made[asked]


def open_vault(settings: Settings) -> Vault:
    """The process's one: whoever names and whoever reveals know the same. Raises Unavailable."""
    redactor(settings)
    with _making:
        return _vaults[_asked(settings)]


def daily_chores(base: Foundations) -> list[Callable[[], object]]:
    """What the worker forgets once a day (the platform's clock), also while nothing is there to be named."""
    return [Daily(open_vault(base.settings).forget, base.clock).step]


class Daily:
    """Calls `task` at most once a day, the first time a day after the start: opening the vault forgot already."""

    def __init__(self, task: Callable[[], object], clock: Clock) -> None:
        self._task = task
        self._clock = clock
        self._done = clock.now()

    def step(self) -> bool:
        """Raises what the task raises; it is then tried again at the next step."""
        if self._clock.now() - self._done < _DAY:
            return False
        self._task()
        self._done = self._clock.now()
        return True


def _open_vault(settings: Settings) -> Vault:
    keys = settings.data_dir / "keys"
    return Vault.open(
        _vault_url(settings),
        make_clock(settings),
        key_file(keys / "redaction.key"),
        key_file(keys / "vault.key"),
        keep=timedelta(days=settings.redaction.keep_days),
    )


def _asked(settings: Settings) -> str:
    return settings.model_dump_json(
        include={"data_dir", "database_url", "catalog_path", "environment", "redaction", "clock"}
    )


def _make(settings: Settings, vault: Vault) -> Redactor:
    from interfaces.bootstrap.platform import catalog_of

    files = catalog_of(settings)
    return Redactor(
        key_file(settings.data_dir / "keys" / "redaction.key"),
        classified=classified_fields(files),
        reclassified=FieldsInForce(files, settings.database_url, make_clock(settings), settings.environment),
        names=vault,
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
