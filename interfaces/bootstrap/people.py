"""The principals file, changed by somebody and recorded in the audit log."""

from __future__ import annotations

import getpass
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from audit.entry import AuditRecord
from foundation.database import transaction
from foundation.errors import Forbidden
from interfaces.bootstrap.foundations import open_foundations
from interfaces.principals import PrincipalsFile, open_directory
from interfaces.settings import Settings


@contextmanager
def people_file(settings: Settings, key_file: Path | None = None) -> Generator[PrincipalsFile]:
    """As the admin whose key is in `key_file`; without one as the account that runs the command, which could edit the
    file by hand as well. Raises Unauthenticated, Forbidden, and Unavailable when the audit log cannot be written."""
    actor = _account() if key_file is None else _admin(settings, key_file)
    base = open_foundations(settings)

    @contextmanager
    def recording(record: AuditRecord) -> Generator[None]:
        with transaction(base.engine) as connection:
            base.audit.append(record, connection=connection)
            yield

    try:
        yield PrincipalsFile(settings.principals_file, actor=actor, recording=recording)
    finally:
        base.engine.dispose()


def _admin(settings: Settings, key_file: Path) -> str:
    key = key_file.read_text(encoding="utf-8").strip()
    person = open_directory(settings.principals_file, settings.environment).by_api_key(key)
    if "admin" not in person.roles or not person.may_act_for(None):
        raise Forbidden(f"{person.id} may not change who may do what", hint="that takes an admin of all tenants")
    return person.id


def _account() -> str:
    try:
        return f"account:{getpass.getuser()}"
    except (KeyError, OSError):
        return "account:unknown"
