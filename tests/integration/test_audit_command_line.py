"""`vigia audit …` as it is typed: prove, verify elsewhere, witness, tell, shred."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from audit.entry import AuditRecord
from foundation.errors import VigiaError
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.cli.main import app
from interfaces.principals import add_principal
from interfaces.settings import load_settings

Vigia = Callable[..., Result]


@pytest.fixture
def vigia() -> Vigia:
    def run(*arguments: str | Path) -> Result:
        done = CliRunner().invoke(app, ["audit", *(str(part) for part in arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit | VigiaError):
            raise done.exception
        return done

    return run


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Foundations]:
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
    base = open_foundations(load_settings())
    for number in range(7):
        reason = {"reason": f"Alicia says {number}"}
        base.audit.append(
            AuditRecord(action="kill_switch.engaged", actor="human:alice", subject="kill_switch", payload=reason)
        )
    yield base
    base.engine.dispose()


@pytest.fixture
def key(base: Foundations, vigia: Vigia) -> str:
    return vigia("checkpoint", "--key").stdout.strip()


def test_an_export_is_verified_with_its_key_alone(
    base: Foundations, vigia: Vigia, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    anchor = tmp_path / "pasted.txt"
    anchor.write_text(f"from the chat:\n{vigia('checkpoint').stdout}", encoding="utf-8")
    assert json.loads(vigia("export", "-o", path, "--json").stdout)["entries"] == 7
    monkeypatch.setenv("VIGIA__DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    whole = vigia("verify", "--export", path, "--key", key, "--anchor", anchor, "--json")
    assert (whole.exit_code, json.loads(whole.stdout)["covered"]) == (0, 7)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:5]) + "\n", encoding="utf-8")
    assert vigia("verify", "--export", path).exit_code == 0, "without anything kept outside this cannot be seen"
    short = vigia("verify", "--export", path, "--key", key, "--anchor", anchor)
    assert short.exit_code == 1
    assert "entries 5 to 6 are gone" in short.stderr


def test_proofs_are_checked_elsewhere(base: Foundations, vigia: Vigia, key: str, tmp_path: Path) -> None:
    proof, old = tmp_path / "entry.tlog-proof", tmp_path / "old.note"
    leaf = json.loads(vigia("prove", "3", "-o", proof, "--json").stdout)["leaf_hash"]
    assert vigia("verify", "--proof", proof, "--leaf-hash", leaf, "--key", key).exit_code == 0
    wrong = vigia("verify", "--proof", proof, "--leaf-hash", "0" * 64, "--key", key)
    assert "is not in the tree" in str(wrong.exception)
    old.write_text(vigia("checkpoint").stdout, encoding="utf-8")
    base.audit.append(AuditRecord(action="test.appended", actor="a", subject="s"))
    growth = tmp_path / "growth"
    growth.write_text(vigia("prove", "--from", "7").stdout, encoding="utf-8")
    grown = vigia("verify", "--proof", growth, "--old", old, "--key", key, "--json")
    assert json.loads(grown.stdout)["size"] == 8
    assert "no entry 99" in str(vigia("prove", "99").exception)
    assert "prove what?" in str(vigia("prove").exception)


def test_a_witness_signs_by_file_and_refuses_what_it_cannot_follow(
    base: Foundations, vigia: Vigia, key: str, tmp_path: Path
) -> None:
    request = tmp_path / "request"
    mine = ("--name", "witness.test/w1", "--key-file", tmp_path / "w1.pem")
    watching = (*mine, "--state", tmp_path / "heads.json", "--log", key)
    request.write_text(vigia("prove", "--from", "0").stdout, encoding="utf-8")
    signed = vigia("witness", "cosign", *watching, request)
    assert signed.stdout.startswith("— witness.test/w1 ")
    assert vigia("witness", "key", *mine).stdout.startswith("witness.test/w1+")
    again = vigia("witness", "cosign", *watching, request)
    assert "the head signed last has 7 entries" in str(again.exception)


def test_without_its_witness_neither_log_nor_proof_is_taken(
    base: Foundations, vigia: Vigia, key: str, tmp_path: Path
) -> None:
    mine = ("--name", "witness.test/w1", "--key-file", tmp_path / "w1.pem")
    witness = vigia("witness", "key", *mine).stdout.strip()
    proof, path, request = tmp_path / "proof", tmp_path / "audit.jsonl", tmp_path / "request"
    vigia("export", "-o", path)
    about = ("verify", "--key", key, "--witness", witness)
    alone = vigia(*about, "--quorum", "1", "--export", path)
    assert alone.exit_code == 1
    assert "the witnesses vouch for none of it" in alone.stderr
    assert "vouched for by signed checkpoints (0), 0 by witnesses" in vigia("verify").stdout
    leaf = json.loads(vigia("prove", "3", "-o", proof, "--json").stdout)["leaf_hash"]
    refused = vigia(*about, "--proof", proof, "--leaf-hash", leaf)
    assert "0 of the witnesses signed this checkpoint, 1 must have" in str(refused.exception)
    request.write_text(vigia("prove", "--from", "0").stdout, encoding="utf-8")
    line = vigia("witness", "cosign", *mine, "--state", tmp_path / "h.json", "--log", key, request).stdout
    proof.write_text(proof.read_text(encoding="utf-8") + line, encoding="utf-8")
    assert vigia(*about, "--proof", proof, "--leaf-hash", leaf).exit_code == 0


def test_a_person_is_shredded_by_an_admin_only(
    base: Foundations, vigia: Vigia, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = base.settings.principals_file
    keys = {role: add_principal(people, name=role, roles=[role], tenants=["*"]) for role in ("oncall", "admin")}
    shred = ("shred", "human:alice", "--reason", "asked to be forgotten, CPF 529.982.247-25")
    assert "Alicia says 0" in vigia("show", "--json").stdout
    assert vigia(*shred, "--api-key", keys["admin"]).exit_code == 2, "arguments are for everybody to see"
    monkeypatch.setenv("VIGIA_API_KEY", keys["oncall"])
    assert "may not shred" in str(vigia(*shred).exception)
    monkeypatch.setenv("VIGIA_API_KEY", keys["admin"])
    assert vigia(*shred).exit_code == 0
    shown = vigia("show", "--json").stdout
    assert "asked to be forgotten" in shown
    assert "529.982.247-25" not in shown
    assert "Alicia" not in shown
    assert "(shredded)" in shown
    assert vigia("verify").exit_code == 0
    assert '"shredded":["reason"]' in vigia("export").stdout


def test_an_incident_that_was_never_opened_is_not_told(base: Foundations, vigia: Vigia) -> None:
    assert "tells of no incident 'INC-0001'" in str(vigia("show", "--incident", "INC-0001").exception)
