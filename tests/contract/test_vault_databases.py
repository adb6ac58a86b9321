"""The vault keeps its promises on either database: one value one name, whoever asks first, reversible, forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from foundation.clock import FixedClock
from foundation.database import reading
from foundation.errors import NotFound
from guardrails.redaction.pseudonyms import Value
from guardrails.redaction.recognizers.br_cpf import RECOGNIZER as CPF
from guardrails.redaction.recognizers.url_password import RECOGNIZER as PASSWORD
from guardrails.redaction.tables import pseudonyms
from guardrails.redaction.vault import UNKEPT_DIGITS, Vault
from tests.fakes.fresh_database import KINDS, fresh_database

MARKS, SEAL = b"a key for tests, 32 bytes long..", b"another key, 32 bytes long too.."
Opens = Callable[[], Vault]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 19, tzinfo=UTC))


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_database(request.param, tmp_path) as engine:
        yield engine.url.render_as_string(hide_password=False)


@pytest.fixture
def opens(url: str, clock: FixedClock) -> Iterator[Opens]:
    """Each vault as a process of its own would open it."""
    opened: list[Vault] = []

    def open_vault() -> Vault:
        opened.append(Vault.open(url, clock, MARKS, SEAL, keep=timedelta(days=90)))
        return opened[-1]

    yield open_vault
    for vault in opened:
        vault._engine.dispose()


def cpfs(*numbers: int) -> list[Value]:
    return [Value("CPF", f"{number:011d}", CPF) for number in numbers]


def test_a_name_is_the_same_in_every_process_and_reversible(opens: Opens) -> None:
    one, other = opens(), opens()
    (name,) = one.names(cpfs(52998224725))
    assert other.names(cpfs(52998224725)) == [name]
    assert other.reveal(name) == "52998224725"
    with pytest.raises(NotFound):
        other.reveal("<CPF_0000>")


def test_no_two_values_share_a_name_and_a_long_list_is_one_call(opens: Opens) -> None:
    values = cpfs(*range(900))
    names = opens().names(values)
    assert len(set(names)) == 900
    again = opens()
    assert again.names(values[::-1]) == names[::-1]
    assert [again.reveal(name) for name in names[::150]] == [value.text for value in values[::150]]


def test_processes_at_once_agree_and_nothing_is_named_twice(opens: Opens, url: str) -> None:
    values = cpfs(*range(60))
    vaults = [opens() for _ in range(4)]
    given: list[list[str]] = []

    def name_in_parts(vault: Vault) -> None:
        given.append([name for at in range(0, 60, 6) for name in vault.names(values[at : at + 6])])

    threads: list[Any] = [threading.Thread(target=name_in_parts, args=(vault,)) for vault in vaults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 4
    assert given[0] == given[1] == given[2] == given[3]
    assert not [name for name in given[0] if len(name) > len("<CPF_>") + UNKEPT_DIGITS - 1], "all were kept"
    with reading(vaults[0]._engine) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(pseudonyms)) == 60


def test_a_secret_is_named_and_never_kept(opens: Opens) -> None:
    vault = opens()
    (name,) = vault.names([Value("PASSWORD", "hunter2-hunter2", PASSWORD)])
    with pytest.raises(NotFound, match="never kept"):
        vault.reveal(name)
    with reading(vault._engine) as connection:
        assert connection.execute(sa.select(pseudonyms.c.sealed)).scalar_one() == b""


def test_what_is_too_old_is_forgotten_and_named_anew(opens: Opens, clock: FixedClock) -> None:
    vault = opens()
    (old,) = vault.names(cpfs(1))
    clock.advance(timedelta(days=60))
    (young,) = vault.names(cpfs(2))
    clock.advance(timedelta(days=31))
    with pytest.raises(NotFound):
        vault.reveal(old)
    assert vault.forget() == 1
    assert vault.forget() == 0
    assert vault.reveal(young) == "00000000002"
    assert opens().names(cpfs(1)) == [old], "its fingerprint gives it the same name"


def test_the_database_holds_no_value(opens: Opens) -> None:
    vault = opens()
    vault.names(cpfs(52998224725))
    with reading(vault._engine) as connection:
        row = connection.execute(sa.select(pseudonyms)).one()
    assert b"52998224725" not in row.sealed
    assert "52998224725" not in str(row)
