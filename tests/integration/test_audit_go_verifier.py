"""A program that shares no code with us, on Go's own packages, agrees about checkpoints, proofs and tampering."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from audit.cosignature import CosignatureVerifier
from audit.proofs import LeafTree, prove_extension, prove_inclusion
from foundation.clock import FixedClock
from tests.fakes.audited import WitnessedLog, witnessed_log

pytestmark = pytest.mark.server

SOURCE = Path(__file__).parents[1] / "verifier"
GOCODE = Path("/usr/share/gocode")
"""Where Debian's -dev packages of Go libraries put their sources."""

Verify = Callable[..., dict[str, Any] | str]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    debian = Path("/usr/bin/go")
    go = str(debian) if debian.exists() else shutil.which("go")
    if go is None or not (GOCODE / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Go's note and tlog packages are missing: apt-get install golang-go golang-golang-x-mod-dev")
    directory = tmp_path_factory.mktemp("verifier")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GOCACHE": str(directory / "cache"),
        "GO111MODULE": "off",
        "GOPATH": str(GOCODE),
        "GOPROXY": "off",
        "GOFLAGS": "",
    }
    built = directory / "verifier"
    subprocess.run([go, "build", "-o", str(built), "."], cwd=SOURCE, env=environment, check=True, timeout=120)
    return built


@pytest.fixture
def audited(engine: Engine, clock: FixedClock, tmp_path: Path) -> WitnessedLog:
    audited = witnessed_log(engine, clock, tmp_path)
    for count in (7, 1, 25):
        audited.write(count)
        audited.publish()
    audited.write(3)
    return audited


@pytest.fixture
def verify(program: Path, audited: WitnessedLog) -> Verify:
    def run(*arguments: str | Path, log: str | None = None, witness: str | None = None) -> dict[str, Any] | str:
        """Its answer, or what it says does not hold."""
        log_key, witness_key = audited.keys
        command = [program, "-log", log or log_key, "-witness", witness or witness_key, *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode in (0, 1), done
        return json.loads(done.stdout) if done.returncode == 0 else done.stderr

    return run


def test_it_reads_an_export_as_we_do(audited: WitnessedLog, verify: Verify) -> None:
    expected = {"ok": True, "entries": 36, "checkpoints": 3, "cosigned": 3, "root": audited.log.head().root_hash}
    assert verify("export", audited.export()) == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:9] + lines[10:], "entry 9: the next one found is 10"),
        (lambda lines: [*lines[:9], lines[10], lines[9], *lines[11:]], "entry 9: the next one found is 10"),
        (lambda lines: [*lines[:9], lines[8], *lines[9:]], "entry 9: the next one found is 8"),
        (lambda lines: [*lines[:9], lines[9].replace("alice", "malory"), *lines[10:]], "entry 9 was changed"),
        (lambda lines: lines[:20] + lines[36:], "entry 20: the log ends"),
        (lambda lines: [line.replace("\\n7\\n", "\\n8\\n") for line in lines], "invalid signature"),
        (lambda lines: [*lines[:9], lines[9][:-1] + ',"comment":"approved"}', *lines[10:]], "entry 9: it holds more"),
        (lambda lines: [*lines[:9], lines[9][:-1] + ',"Entry":{}}', *lines[10:]], "entry 9: it holds more"),
        (lambda lines: [*lines[:9], '{"entry":{},' + lines[9][1:], *lines[10:]], 'entry 9: "entry" is repeated'),
        (lambda lines: [*lines[:9], '{"checkpoint":"x",' + lines[9][1:], *lines[10:]], "entry 9: it holds more"),
        (lambda lines: [*lines[:9], lines[9][:-1] + ',"shredded":["reason"]}', *lines[10:]], "entry 9: shredded"),
        (lambda lines: [*lines[:-1], lines[-1][:-1] + ',"entry":{}}'], "it holds more"),
    ],
    ids=[
        "cut out",
        "swapped",
        "inserted",
        "edited",
        "cut off",
        "checkpoint edited",
        "comment",
        "another case",
        "repeated",
        "both",
        "never sealed",
        "checkpoint and more",
    ],
)
def test_it_sees_tampering(
    audited: WitnessedLog, verify: Verify, change: Callable[[list[str]], list[str]], said: str
) -> None:
    path = audited.export()
    lines = path.read_text(encoding="utf-8").splitlines()
    changed = change(list(lines))
    assert changed != lines
    path.write_text("\n".join(changed) + "\n", encoding="utf-8")
    answer = verify("export", path)
    assert isinstance(answer, str), answer
    assert said in answer


def test_it_trusts_the_keys_it_was_given_and_no_other(audited: WitnessedLog, verify: Verify, tmp_path: Path) -> None:
    other = witnessed_log(audited.engine, audited.clock, tmp_path / "other")
    assert "no verifiable signatures" in str(
        verify("export", audited.export(), log=other.keys[0], witness=other.keys[1])
    )
    assert "did not cosign" in str(verify("export", audited.export(), witness=other.keys[1]))


@pytest.mark.parametrize("index", [0, 6, 7, 20, 32])
def test_it_accepts_our_inclusion_proofs(audited: WitnessedLog, verify: Verify, tmp_path: Path, index: int) -> None:
    leaves, note = audited.log.leaf_hashes(), newest(audited)
    path = tmp_path / "entry.tlog-proof"
    path.write_text(prove_inclusion(LeafTree(leaves), index, note).encoded(), encoding="utf-8")
    assert verify("inclusion", path, leaves[index].hex()) == {"ok": True, "index": index, "size": 33}
    assert "invalid" in str(verify("inclusion", path, leaves[index + 1].hex()))


@pytest.mark.parametrize("old", [7, 8])
def test_it_accepts_our_consistency_proofs(audited: WitnessedLog, verify: Verify, tmp_path: Path, old: int) -> None:
    leaves, note = audited.log.leaf_hashes(), newest(audited)
    before, request = tmp_path / "old.note", tmp_path / "request"
    before.write_text(next(n for n in notes(audited) if n.split("\n")[1] == str(old)), encoding="utf-8")
    request.write_text(prove_extension(LeafTree(leaves), old, note).encoded(), encoding="utf-8")
    assert verify("consistency", before, request) == {"ok": True, "from": old, "to": 33}
    forked = [*leaves[:20], leaves[21], *leaves[21:]]
    request.write_text(prove_extension(LeafTree(forked), old, note).encoded(), encoding="utf-8")
    assert "invalid transparency proof" in str(verify("consistency", before, request))


def test_both_read_the_same_time_of_a_cosignature(audited: WitnessedLog) -> None:
    verifier = CosignatureVerifier.from_key(audited.keys[1])
    assert verifier.cosigned_at(newest(audited)) == audited.clock.now().replace(microsecond=0)


def notes(audited: WitnessedLog) -> list[str]:
    lines = audited.export().read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["checkpoint"] for line in lines if line.startswith('{"checkpoint"')]


def newest(audited: WitnessedLog) -> str:
    return notes(audited)[-1]
