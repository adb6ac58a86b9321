"""Proofs from stored frontiers are those from all leaves, and read few rows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from audit import merkle
from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from audit.stored_tree import StoredTree
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.database import reading
from foundation.errors import InvalidInput

MOST = 70


def test_every_proof_is_the_one_over_all_leaves(engine: Engine, clock: FixedClock) -> None:
    log = SqlAuditLog(engine, clock)
    log.append_all([AuditRecord(action="test.told", actor="a", subject=str(n)) for n in range(MOST)])
    leaves = log.leaf_hashes()
    with reading(engine) as connection:
        for size in (1, 2, 3, 6, 7, 8, 13, 32, 33, 47, 64, 69, MOST):
            tree = StoredTree(connection, size)
            assert tree.root_over(0, size) == merkle.root(leaves[:size])
            for index in range(size):
                path = merkle.inclusion_path(tree.root_over, size, index)
                assert path == merkle.inclusion_proof(leaves[:size], index)
            for old in range(1, size + 1):
                path = merkle.consistency_path(tree.root_over, old, size)
                assert path == merkle.consistency_proof(leaves[:size], old)


@pytest.mark.parametrize("change", ["frontier = x''", "frontier = 'text'", "leaf_hash = 'zz'"])
def test_an_entry_whose_tree_was_emptied_is_named(engine: Engine, clock: FixedClock, change: str) -> None:
    log = SqlAuditLog(engine, clock)
    log.append_all([AuditRecord(action="test.told", actor="a", subject=str(n)) for n in range(MOST)])
    with engine.begin() as connection:
        for name in connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(f"UPDATE audit_entries SET {change} WHERE sequence = 6")
    with reading(engine) as connection, pytest.raises(InvalidInput, match="entry 6 was changed"):
        StoredTree(connection, MOST).root_over(0, 7)
    assert verify_log(engine).first_bad_sequence == 6


def test_a_proof_reads_few_rows(engine: Engine, clock: FixedClock) -> None:
    log, size = SqlAuditLog(engine, clock), 3000
    log.append_all([AuditRecord(action="test.told", actor="a", subject=str(n)) for n in range(size)])
    rows: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *arguments: rows.append(arguments[2]))
    with reading(engine) as connection:
        merkle.consistency_path(StoredTree(connection, size).root_over, 2049, size)
    assert len(rows) < 150
