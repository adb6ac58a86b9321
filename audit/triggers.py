"""SQL that makes the database itself refuse to rewrite the log.

The triggers stop a mistake and a careless hand. Whoever owns the database can drop them, which is why the entries are
also chained, hashed into a Merkle tree and signed: `audit.verify` sees what a dropped trigger let through.
"""

from __future__ import annotations

from foundation.errors import InvalidInput

APPEND_ONLY_TABLES = ("audit_entries", "audit_checkpoints")


def statements(dialect: str) -> list[str]:
    """DDL for `dialect` (`sqlite` or `postgresql`), to be run once after the tables exist, one statement at a time."""
    return [statement for table in APPEND_ONLY_TABLES for statement in statements_for(table, dialect)]


def statements_for(table: str, dialect: str) -> list[str]:
    """The part of `statements` that guards one table."""
    if dialect == "sqlite":
        return _sqlite(table)
    if dialect == "postgresql":
        return _postgresql(table)
    raise InvalidInput(f"no append-only triggers for {dialect!r}", hint="the audit log runs on sqlite or postgresql")


def _sqlite(table: str) -> list[str]:
    refusals = [
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ]
    if table != "audit_entries":
        return refusals
    # INSERT OR REPLACE deletes the old row without firing the DELETE trigger; only the next free sequence may be
    # inserted, which also keeps the log free of gaps.
    next_free = f"(SELECT coalesce(max(sequence) + 1, 0) FROM {table})"  # noqa: S608 - a constant of this file
    return [
        *refusals,
        f"CREATE TRIGGER IF NOT EXISTS {table}_in_order BEFORE INSERT ON {table} WHEN NEW.sequence <> {next_free} "
        f"BEGIN SELECT RAISE(ABORT, '{table} takes the next sequence only'); END",
    ]


def _postgresql(table: str) -> list[str]:
    return [
        f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'restrict_violation'; END $$",
        f"CREATE OR REPLACE TRIGGER {table}_no_rewrite BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()",
        f"CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    ]
