from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from foundation.errors import InvalidInput, NotFound, Unauthenticated, Unavailable
from platform_core.access.directory import PrincipalDirectory

KEY_HASH = hashlib.sha256(b"alice-key").hexdigest()
FILE = f"""
principals:
  - id: human:alice
    name: Alice
    roles: [oncall]
    tenants: ["*"]
    slack_user_id: U0ALICE
    api_key_sha256: {KEY_HASH}
  - id: agent:incident
    name: Incident agent
    roles: [responder]
    tenants: [br]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "principals.yaml"
    path.write_text(FILE)
    return path


def test_by_id_key_and_slack_user(path: Path):
    directory = PrincipalDirectory.load(path)
    alice = directory.get("human:alice")
    assert alice.may_act_for("br")
    assert directory.by_api_key("alice-key") == alice
    assert directory.by_slack_user("U0ALICE") == alice
    assert [p.id for p in directory] == ["human:alice", "agent:incident"]
    assert not hasattr(alice, "api_key_sha256")


def test_strangers(path: Path):
    directory = PrincipalDirectory.load(path)
    with pytest.raises(NotFound, match="known: agent:incident, human:alice"):
        directory.get("human:mallory")
    with pytest.raises(Unauthenticated):
        directory.by_api_key(KEY_HASH)
    with pytest.raises(Unauthenticated):
        directory.by_slack_user("")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("principals: [", "is not YAML"),
        ("people: []", "lists nobody"),
        ("[]", "lists nobody"),
        ("principals: [7]", r"principal 1 \(a int, not a mapping\)"),
        (FILE.replace("oncall", "boss"), r"principal 1 \(human:alice\): roles.0: Input should be 'viewer'"),
        (FILE.replace(KEY_HASH, "alice-key"), r"principal 1 \(human:alice\): api_key_sha256"),
        (FILE.replace("agent:incident", "human:alice"), "share the id 'human:alice'"),
        (FILE + f"    api_key_sha256: {KEY_HASH}\n", "human:alice and agent:incident share an API key"),
    ],
)
def test_a_bad_file_says_what_and_where(path: Path, text: str, says: str):
    path.write_text(text)
    with pytest.raises(InvalidInput, match=says) as raised:
        PrincipalDirectory.load(path)
    assert str(path) in raised.value.message


def test_no_file(tmp_path: Path):
    with pytest.raises(NotFound, match="no principals file"):
        PrincipalDirectory.load(tmp_path / "principals.yaml")


def test_it_follows_its_file(path: Path):
    directory = PrincipalDirectory.load(path)
    path.write_text(FILE.replace("[oncall]", "[viewer]"))
    assert directory.get("human:alice").roles_anywhere() == {"viewer"}
    assert directory.by_api_key("alice-key").roles_anywhere() == {"viewer"}
    replacement = path.with_suffix(".new")
    replacement.write_text(FILE.replace("human:alice", "human:alica"))
    replacement.replace(path)
    with pytest.raises(NotFound):
        directory.get("human:alice")
    path.unlink()
    with pytest.raises(Unauthenticated):
        directory.by_api_key("alice-key")


@pytest.mark.parametrize("text", [FILE.replace("name: Alice", "name: 2026-13-45"), "[" * 5000], ids=["date", "deep"])
def test_an_odd_file_is_refused_like_a_malformed_one(path: Path, text: str):
    directory = PrincipalDirectory.load(path)
    path.write_text(text)
    with pytest.raises(Unavailable, match="is not YAML"):
        directory.get("human:alice")
    with pytest.raises(InvalidInput, match="is not YAML"):
        PrincipalDirectory.load(path)


def test_what_is_no_file_cannot_be_read(path: Path):
    directory = PrincipalDirectory.load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(Unavailable, match="cannot be read"):
        directory.get("human:alice")


def test_while_its_file_cannot_be_read_nobody_is_known(path: Path):
    directory = PrincipalDirectory.load(path)
    path.write_text("principals: [")
    for _ in range(2):
        with pytest.raises(Unavailable, match="is not YAML"):
            directory.by_slack_user("U0ALICE")
    path.write_text(FILE)
    assert directory.by_slack_user("U0ALICE").id == "human:alice"


def test_a_file_that_comes_later_is_read(path: Path):
    path.unlink()
    directory = PrincipalDirectory.load(path, may_be_missing=True)
    assert list(directory) == []
    path.write_text(FILE)
    assert directory.get("human:alice").name == "Alice"
