"""Wrong clocks, locked and full databases, unreadable files, unknown people: refused, said why, nothing lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Engine

from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.database import open_database
from foundation.errors import Forbidden, InvalidInput, Unavailable
from guardrails.policy.loading import parse_document
from guardrails.policy.policy import Policy
from platform_core.access.directory import PrincipalDirectory
from tests.fakes.guarded import ALICE, BOB, Guard, proposal

MINUTE = timedelta(minutes=1)


@pytest.fixture
def guard(engine: Engine, clock: FixedClock) -> Guard:
    return Guard(engine, clock)


def behind(guard: Guard, by: timedelta) -> Guard:
    """Another process on the same database whose clock is behind."""
    return Guard(guard.engine, FixedClock(guard.clock.now() - by))


def attempts(late: Guard, approval_id: str, request_id: str) -> dict[str, Callable[[], object]]:
    return {
        "request": lambda: late.approvals.request(proposal(late.clock)),
        "decide": lambda: late.approvals.decide(request_id, BOB, "approve", channel="cli"),
        "execute": lambda: late.executor().execute(approval_id),
    }


@pytest.mark.parametrize("what", ["request", "decide", "execute"])
def test_a_clock_that_runs_behind_decides_and_executes_nothing(guard: Guard, clock: FixedClock, what: str) -> None:
    """It would take for alive what has run out."""
    approval_id = guard.approved()
    request = guard.approvals.request(proposal(clock))
    clock.advance(29 * MINUTE)
    guard.approvals.set_kill_switch(True, ALICE, "the log is written at 29 minutes")
    guard.approvals.set_kill_switch(False, BOB, "and the switch is released")
    late = behind(guard, 10 * MINUTE)
    entries = guard.audited()
    with pytest.raises(Unavailable, match=r"this clock says .* the audit log was written at"):
        attempts(late, approval_id, request.id)[what]()
    assert late.target.effects == guard.target.effects == 0
    assert guard.audited() == entries


def test_clocks_that_differ_by_seconds_are_no_matter(guard: Guard) -> None:
    approval_id = guard.approved()
    late = behind(guard, timedelta(seconds=20))
    assert late.executor().execute(approval_id).status == "succeeded"


@pytest.fixture
def impatient(engine: Engine) -> Engine:
    """The same database for somebody who does not wait for its lock."""

    def hurry(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA busy_timeout=50")

    other = open_database(engine.url.render_as_string(hide_password=False))
    event.listen(other, "connect", hurry)
    return other


def test_a_locked_database_refuses_and_loses_nothing(guard: Guard, impatient: Engine) -> None:
    approval_id = guard.approved()
    request = guard.approvals.request(proposal(guard.clock))
    before = guard.audited()
    hurried = Guard(impatient, guard.clock)
    holder = sqlite3.connect(str(guard.engine.url.database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for attempt in attempts(hurried, approval_id, request.id).values():
        with pytest.raises(Unavailable, match="locked"):
            attempt()
    holder.execute("ROLLBACK")
    holder.close()
    assert hurried.target.effects == 0
    assert guard.audited() == before
    assert guard.executor().execute(approval_id).status == "succeeded", "it can be done once the lock is gone"
    impatient.dispose()


def test_a_full_disk_refuses_and_loses_nothing(guard: Guard) -> None:
    """SQLite says SQLITE_FULL, as it does on ENOSPC: here because the file may not grow."""
    approval_id = guard.approved()
    request = guard.approvals.request(proposal(guard.clock))
    before = guard.audited()
    full = open_database(guard.engine.url.render_as_string(hide_password=False))

    def no_more(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA max_page_count=1")  # SQLite raises it to what the file has already

    event.listen(full, "connect", no_more)
    stuck = Guard(full, guard.clock)
    said: list[str] = []
    for number in range(60):  # until the free space inside the file is used up
        try:
            stuck.approvals.request(proposal(guard.clock))
        except Unavailable as refused:
            said.append(refused.message)
            if "full" in refused.message:
                break
        assert number < 59, "the file took everything"
    assert "full" in said[-1]
    written = guard.audited()
    with pytest.raises(Unavailable, match="full"):
        stuck.approvals.decide(request.id, BOB, "approve", reason="x" * 2_000, channel="cli")
    assert guard.approvals.get(request.id).status == "pending"
    assert guard.audited() == written
    assert written[: len(before)] == before
    assert verify_log(guard.engine).ok, "what was written before is whole"
    full.dispose()
    assert guard.executor().execute(approval_id).status == "succeeded", "with space again it goes on"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00rules", b"\x00\x01\x02", b"version: 1\nrules: &a [*a]"])
def test_a_policy_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"policy\.yaml"):
        Policy.load(path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        Policy.load(tmp_path)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(["version: 1", "rules:", "  - name: a", "? [a]", ": b", "&x", "*x", "<<: *x", "[", "{"])
        ).map("\n".join),
        st.sampled_from(
            ["[" * 5000, "a: 2026-99-99", "!!python/object:os.system x", "x: !!set {a, b}", "1: 2\n1.0: 3"]
        ),
    )
)
def test_no_text_breaks_the_reader_of_policies(text: str) -> None:
    try:
        parse_document(text, where="policy.yaml")
    except InvalidInput as refused:
        assert refused.message.startswith("policy.yaml: ")  # noqa: PT017 - most texts load or are refused, none breaks


def test_somebody_unknown_decides_nothing_and_what_they_approved_falls(guard: Guard, tmp_path: Path) -> None:
    """People come from a file; one who is taken out of it is nobody, and a broken file knows nobody."""
    people = tmp_path / "principals.yaml"
    people.write_text("principals: [{id: human:alice, name: Alice, roles: [oncall], tenants: ['*']}]", encoding="utf-8")
    directory = PrincipalDirectory.load(people)
    guard.who_is = directory.get  # type: ignore[method-assign]
    approval_id = guard.approved()
    people.write_text("principals: [", encoding="utf-8")
    with pytest.raises(Unavailable, match="cannot be read"):
        guard.executor().execute(approval_id)
    people.write_text("principals: []", encoding="utf-8")
    with pytest.raises(Forbidden, match="nobody is known as 'human:alice'"):
        guard.executor().execute(approval_id)
    assert guard.target.effects == 0
    assert guard.approvals.get(approval_id).status == "approved"
