"""The principals file, changed by somebody and recorded in the audit log."""

from __future__ import annotations

import getpass
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from audit.entry import AuditRecord
from foundation.database import transaction
from foundation.errors import Forbidden
from foundation.ids import new_id
from interfaces.bootstrap.foundations import open_foundations
from interfaces.principals import PrincipalsFile, open_directory
from interfaces.settings import Settings
from platform_core.operations.sql_timeline import insert_change
from platform_core.operations.timeline import ChangeEvent


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
            insert_change(connection, _event(record, base.clock.now()))
            yield

    try:
        yield PrincipalsFile(settings.principals_file, actor=actor, recording=recording)
    finally:
        base.engine.dispose()


def _event(record: AuditRecord, at: datetime) -> ChangeEvent:
    what = record.action.partition(".")[2].replace("_", " ")
    return ChangeEvent(
        id=new_id("chg"),
        at=at,
        kind="access",
        subject=record.subject,
        summary=f"{record.subject}: {what}",
        author=record.actor,
        details=record.payload,
    )


def _admin(settings: Settings, key_file: Path) -> str:
    key = key_file.read_text(encoding="utf-8").strip()
    person = open_directory(settings.principals_file, settings.environment).by_api_key(key)
    if "admin" not in person.roles_in(None):
        raise Forbidden(f"{person.id} may not change who may do what", hint="that takes an admin of all tenants")
    return person.id


def _account() -> str:
    try:
        return f"account:{getpass.getuser()}"
    except (KeyError, OSError):
        return "account:unknown"
