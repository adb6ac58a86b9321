"""Keys of redaction, vault and sealing: one that cannot be read is refused with the reason, and stays as it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.errors import InvalidInput, Unavailable, VigiaError
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.secrets import KEY_BYTES, key_file
from interfaces.settings import Settings


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:7])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _shared(path: Path) -> None:
    path.chmod(0o644)


DAMAGES = [
    (_directory, Unavailable, "cannot be read"),
    (_truncated, InvalidInput, "holds 7 bytes"),
    (_empty, InvalidInput, "holds 0 bytes"),
    (_shared, InvalidInput, "can be read by others"),
]


@pytest.mark.parametrize(("damage", "error", "said"), DAMAGES)
def test_a_key_that_is_not_right_is_refused_and_left(
    tmp_path: Path, damage: Callable[[Path], None], error: type[VigiaError], said: str
) -> None:
    path = tmp_path / "keys" / "some.key"
    first = key_file(path)
    assert (len(first), path.stat().st_mode & 0o777, key_file(path)) == (KEY_BYTES, 0o600, first)
    damage(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(error, match=said) as told:
        key_file(path)
    assert str(path) in told.value.message
    assert told.value.hint
    assert "remove" not in told.value.hint, "without the key nothing is opened again"
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_place_where_none_can_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file is in the way")
    with pytest.raises(Unavailable, match=r"keys/some\.key.*cannot be read"):
        key_file(tmp_path / "keys" / "some.key")


@pytest.mark.parametrize("name", ["redaction.key", "vault.key"])
def test_nothing_is_redacted_under_another_key(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "keys"
    directory.mkdir()
    (directory / name).write_bytes(b"torn")
    (directory / name).chmod(0o600)
    with pytest.raises(InvalidInput, match=name):
        redactor(Settings(data_dir=tmp_path))
    assert (directory / name).read_bytes() == b"torn"


def test_a_key_has_its_name_once_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="No space left"):
            key_file(tmp_path / "keys" / "a.key")
    assert list((tmp_path / "keys").iterdir()) == []
    assert len(key_file(tmp_path / "keys" / "a.key")) == KEY_BYTES
