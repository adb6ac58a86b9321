"""SQL that makes the database itself refuse to rewrite the log.

The triggers stop a mistake and a careless hand. Whoever owns the database can drop them, which is why the entries are
also chained, hashed into a Merkle tree and signed: `audit.verify` sees what a dropped trigger let through.
"""

from __future__ import annotations

from foundation.errors import InvalidInput

APPEND_ONLY_TABLES = ("audit_entries", "audit_checkpoints", "audit_intake", "audit_cosignatures")

_KEYS: dict[str, tuple[str, ...]] = {
    "audit_checkpoints": ("size",),
    "audit_cosignatures": ("size", "witness"),
    "audit_intake": ("id",),
}
_CONTENT = ("recorded_at", "action", "actor", "subject", "tenant", "incident_id", "payload")


def statements(dialect: str, tables: tuple[str, ...] = ("audit_entries", "audit_checkpoints")) -> list[str]:
    """DDL for `dialect` (`sqlite` or `postgresql`), to be run once after the tables exist, one statement at a time."""
    return [statement for table in tables for statement in statements_for(table, dialect)]


def statements_for(table: str, dialect: str, *, key: tuple[str, ...] = ()) -> list[str]:
    """The part of `statements` that guards one table; `key` is the primary key of a table that is not the log's own."""
    if dialect == "sqlite":
        return _sqlite(table, key or _KEYS.get(table, ()))
    if dialect == "postgresql":
        return _postgresql_intake() if table == "audit_intake" else _postgresql(table)
    raise InvalidInput(f"no append-only triggers for {dialect!r}", hint="the audit log runs on sqlite or postgresql")


def _sqlite(table: str, key: tuple[str, ...]) -> list[str]:
    refusals = [
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ]
    # INSERT OR REPLACE deletes the old row without firing the DELETE trigger.
    if key:
        same = " AND ".join(f"{name} = NEW.{name}" for name in key)
        known = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - constants of this file
        return [
            *refusals,
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} WHEN {known} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END",
        ]
    # Only the next free sequence may be inserted, which also keeps the log free of gaps.
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


def _postgresql_intake() -> list[str]:
    """A row may leave the intake in one way: with its like in `audit_entries` in the same transaction."""
    same = " AND ".join(f"e.{name} IS NOT DISTINCT FROM g.{name}" for name in _CONTENT)
    lost = f"SELECT 1 FROM gone g LEFT JOIN audit_entries e ON e.intake_id = g.id AND {same} WHERE e.sequence IS NULL"  # noqa: S608 - constants of this file
    return [
        "CREATE OR REPLACE FUNCTION audit_intake_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit_intake is append-only' USING ERRCODE = 'restrict_violation'; END $$",
        "CREATE OR REPLACE FUNCTION audit_intake_sequenced() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF EXISTS ({lost}) THEN RAISE EXCEPTION 'audit_intake is append-only: a row leaves it only into "
        "audit_entries' USING ERRCODE = 'restrict_violation'; END IF; RETURN NULL; END $$",
        "CREATE OR REPLACE TRIGGER audit_intake_no_rewrite BEFORE UPDATE ON audit_intake "
        "FOR EACH ROW EXECUTE FUNCTION audit_intake_refuse()",
        "CREATE OR REPLACE TRIGGER audit_intake_no_truncate BEFORE TRUNCATE ON audit_intake "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_intake_refuse()",
        "CREATE OR REPLACE TRIGGER audit_intake_no_loss AFTER DELETE ON audit_intake REFERENCING OLD TABLE AS gone "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_intake_sequenced()",
    ]
