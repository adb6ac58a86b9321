"""Secrets by reference: read where they are, when they are used, and never shown."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import SecretStr, ValidationError

from foundation.errors import Forbidden, InvalidInput, NotFound, Unavailable, VigiaError
from foundation.frozen import Frozen
from foundation.secrets.reference import SecretRef, parse_reference
from foundation.secrets.setting import ByReference, ReferredSecret, Secret
from foundation.secrets.sources import SecretSources
from foundation.secrets.urls import masked_url
from foundation.secrets.vault import VaultReader
from tests.fakes.scripted_http import Answer, Asked, Scripted, scripted_server

CANARY = "s3cr3t-canary-value"
TOKEN = "hvs.canary-token"


def secret_file(path: Path, text: str = CANARY, mode: int = 0o600) -> SecretRef:
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)
    return SecretRef("file", str(path))


@pytest.mark.parametrize(
    "text", ["env:NAME", "env:_n1", "file:/run/secrets/x", "vault:secret/app/db#password", "vault:kv2/a-b.c#f_1"]
)
def test_a_reference_reads_back(text: str) -> None:
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize(
    "text",
    ["env:", "env:1X", f"env:{CANARY}!", "file:relative", "file:", "vault:secret", "vault:secret/x", "vault:a/../b#c",
     "vault:secret/x#", f"hunter:{CANARY}"],
)  # fmt: skip
def test_what_is_no_reference_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a reference") as raised:
        parse_reference(text)
    assert CANARY not in str(raised.value)


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    sources, reference = SecretSources(), SecretRef("env", "VAULTLESS_SECRET")
    with pytest.raises(NotFound, match="VAULTLESS_SECRET"):
        sources.resolve(reference)
    monkeypatch.setenv("VAULTLESS_SECRET", CANARY)
    assert sources.resolve(reference) == CANARY


def test_a_file_is_read_again_when_it_changed_and_the_change_is_told(tmp_path: Path) -> None:
    told: list[SecretRef] = []
    sources = SecretSources(rotated=told.append)
    reference = secret_file(tmp_path / "token", f"{CANARY}\n")
    assert [sources.resolve(reference), sources.resolve(reference)] == [CANARY, CANARY]
    assert told == []
    fresh = secret_file(tmp_path / "fresh", "another")
    Path(fresh.name).replace(reference.name)
    assert sources.resolve(reference) == "another"
    assert told == [reference]


@pytest.mark.parametrize(
    ("mode", "content", "error", "says"),
    [
        (0o640, CANARY, InvalidInput, "can be read by others"),
        (0o604, CANARY, InvalidInput, "chmod 600"),
        (0o600, "", NotFound, "is empty"),
        (0o600, CANARY * 5000, InvalidInput, "longer than"),
    ],
)
def test_a_file_that_does_not_do(tmp_path: Path, mode: int, content: str, error: type[VigiaError], says: str) -> None:
    reference = secret_file(tmp_path / "token", content, mode)
    with pytest.raises(error, match=says) as raised:
        SecretSources().resolve(reference)
    assert CANARY not in str(raised.value)


def test_a_file_made_readable_later_is_refused_although_it_was_read(tmp_path: Path) -> None:
    sources, reference = SecretSources(), secret_file(tmp_path / "token")
    assert sources.resolve(reference) == CANARY
    Path(reference.name).chmod(0o644)
    with pytest.raises(InvalidInput, match="can be read by others"):
        sources.resolve(reference)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no secret"):
        SecretSources().resolve(SecretRef("file", str(tmp_path / "nowhere")))
    tmp_path.chmod(0o700)
    with pytest.raises(InvalidInput, match="is not a file"):
        SecretSources().resolve(SecretRef("file", str(tmp_path)))
    (tmp_path / "binary").touch(mode=0o600)
    (tmp_path / "binary").write_bytes(b"\xff\xfe" + CANARY.encode())
    with pytest.raises(InvalidInput, match="not UTF-8") as raised:
        SecretSources().resolve(SecretRef("file", str(tmp_path / "binary")))
    assert CANARY not in "".join(traceback.format_exception(raised.value))


class FakeVault:
    """Vault's API as far as we use it, scripted: `down` answers 503, `slow` sleeps."""

    def __init__(self) -> None:
        self.fields: dict[str, object] = {"password": CANARY, "number": 7}
        self.down = False
        self.slow = 0.0
        self.ttl, self.renewable, self.renews = 100.0, True, True

    def __call__(self, asked: Asked) -> Answer:
        time.sleep(self.slow)
        if self.down:
            return 503, {"errors": [f"Vault is sealed {TOKEN}"]}
        if asked.headers["x-vault-token"] != TOKEN:
            return 403, {"errors": ["permission denied", asked.headers["x-vault-token"]]}
        if asked.path == "/v1/auth/token/lookup-self":
            return 200, {"data": {"ttl": self.ttl, "renewable": self.renewable}}
        if asked.path == "/v1/auth/token/renew-self":
            return (200, {"auth": {"lease_duration": 100, "renewable": True}}) if self.renews else (400, {})
        if asked.path == "/v1/secret/data/app/db":
            return 200, {"data": {"data": self.fields, "metadata": {"version": 1}}}
        return 404, {"errors": []}


class Ticking:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def vault() -> FakeVault:
    return FakeVault()


@pytest.fixture
def server(vault: FakeVault) -> Iterator[Scripted]:
    with scripted_server(vault) as server:
        yield server


def reader(server: Scripted, seconds: Ticking, *, token: str = TOKEN, timeout: float = 5) -> VaultReader:
    return VaultReader(server.address, lambda: token, namespace="ops", seconds=seconds, timeout=timeout)


def test_vault_is_asked_once_a_minute_and_its_token_renewed_at_half_time(server: Scripted, vault: FakeVault) -> None:
    seconds = Ticking()
    read = reader(server, seconds)
    assert [read.read("secret/app/db", "password") for _ in range(2)] == [CANARY, CANARY]
    assert server.paths() == ["GET /v1/auth/token/lookup-self", "GET /v1/secret/data/app/db"]
    assert server.asked[0].headers["x-vault-namespace"] == "ops"
    vault.fields = {"password": "rotated"}
    seconds.now += 61
    assert read.read("secret/app/db", "password") == "rotated"
    assert server.paths()[2:] == ["POST /v1/auth/token/renew-self", "GET /v1/secret/data/app/db"]


def test_a_token_that_cannot_be_renewed_is_told_and_used(
    server: Scripted, vault: FakeVault, caplog: pytest.LogCaptureFixture
) -> None:
    vault.renews = False
    seconds = Ticking()
    read = reader(server, seconds)
    read.read("secret/app/db", "password")
    seconds.now += 61
    with caplog.at_level(logging.WARNING):
        assert read.read("secret/app/db", "password") == CANARY
    assert "could not be renewed" in caplog.text
    assert CANARY not in caplog.text
    assert TOKEN not in caplog.text


def test_while_vault_is_down_the_last_secret_serves_for_a_while(
    server: Scripted, vault: FakeVault, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = Ticking()
    read = reader(server, seconds)
    read.read("secret/app/db", "password")
    vault.down = True
    seconds.now += 300
    with caplog.at_level(logging.WARNING):
        assert read.read("secret/app/db", "password") == CANARY
    assert "is used as it was read 300 s ago" in caplog.text
    seconds.now += 361
    with pytest.raises(Unavailable, match="503"):
        read.read("secret/app/db", "password")
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("name", "field", "error", "says"),
    [
        ("secret/app/db", "user", NotFound, "no field 'user'"),
        ("secret/app/db", "number", InvalidInput, "is no text"),
        ("secret/app/x", "password", NotFound, "is not there"),
    ],
)
def test_what_vault_has_not(server: Scripted, name: str, field: str, error: type[VigiaError], says: str) -> None:
    with pytest.raises(error, match=says):
        reader(server, Ticking()).read(name, field)


def test_vault_refuses_is_slow_or_away(server: Scripted, vault: FakeVault) -> None:
    other = f"{TOKEN}-other"
    with pytest.raises(Forbidden, match="refused") as refused:
        reader(server, Ticking(), token=other).read("secret/app/db", "password")
    vault.slow = 0.4
    with pytest.raises(Unavailable, match="did not answer within") as slow:
        reader(server, Ticking(), timeout=0.05).read("secret/app/db", "password")
    away = VaultReader("http://127.0.0.1:1", lambda: TOKEN)
    with pytest.raises(Unavailable, match="cannot be reached") as gone:
        away.read("secret/app/db", "password")
    told = "".join("".join(traceback.format_exception(each.value)) for each in (refused, slow, gone))
    assert "canary" not in told


def test_without_vault_its_references_say_what_to_set() -> None:
    with pytest.raises(InvalidInput, match="VIGIA__SECRETS__VAULT_ADDRESS"):
        SecretSources().resolve(parse_reference("vault:secret/x#y"))


class Section(Frozen):
    token: Secret | None = None
    key: Annotated[SecretStr, ByReference(16)] = SecretStr("0123456789abcdef")


def test_a_setting_shows_its_reference_and_never_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_CANARY", CANARY)
    section = Section.model_validate({"token": "env:A_CANARY", "key": "env:A_CANARY"})
    assert isinstance(section.token, ReferredSecret)
    assert section.token.get_secret_value() == section.key.get_secret_value() == CANARY
    shown = f"{section!r} {section} {section.model_dump()} {section.model_dump_json()} {section.token}"
    assert "env:A_CANARY" in shown
    plain = Section(token=SecretStr(CANARY))
    assert CANARY not in shown + f"{plain!r} {plain} {plain.model_dump()} {plain.model_dump_json()}"
    assert Section.model_validate(section.model_dump()) == section
    monkeypatch.setenv("A_CANARY", "short")
    with pytest.raises(InvalidInput, match="fewer than 16") as raised:
        section.key.get_secret_value()
    assert "short" not in str(raised.value)


@pytest.mark.parametrize("value", ["canary-short", "env:not-a-name-canary"])
def test_a_setting_that_does_not_fit(value: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Section.model_validate({"key": value})
    assert "at least 16" in str(raised.value) or "is not a reference" in str(raised.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://vigia:hunter2@db/v", "postgresql+psycopg://vigia:***@db/v"),
        ("redis://:hun/te@r2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("postgresql://db/v?user=x&password=hunter2&sslmode=on", "postgresql://db/v?user=x&password=***&sslmode=on"),
        ("sqlite:////var/lib/vigia.db", "sqlite:////var/lib/vigia.db"),
        ("file:/run/secrets/url", "file:/run/secrets/url"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked_url(url) == shown
