"""Random logs, tampered with at random: it is always seen, and the first bad entry is the one that is named.

On exports, where a log can be made without a database; `test_audit_tampering` does the like to stored rows.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import merkle
from audit.chain import ChainHead, Content, TreeHead, link
from audit.checkpoint import CheckpointSigner
from audit.export import verify_export
from audit.leaf import FIRST_PREVIOUS_HASH, Leaf
from audit.replay import VerificationReport
from foundation.canonical import canonical_bytes

ORIGIN = "vigia.test/audit"
SIGNER = CheckpointSigner(ORIGIN, Ed25519PrivateKey.generate())
START = ChainHead(0, FIRST_PREVIOUS_HASH, b"")

words = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
payloads = st.dictionaries(words, st.none() | st.booleans() | st.integers(-9, 9) | words, max_size=3)
contents = st.lists(st.tuples(words, words, st.none() | words, payloads), min_size=2, max_size=40)


class AnyLog:
    """Lines of an export, as they would be written, with checkpoints at some sizes."""

    def __init__(self, told: Sequence[Content], sizes: Sequence[int]) -> None:
        self.contents = list(told)
        self.lines: list[str] = []
        self.notes: list[str] = []
        head = START
        for content in told:
            before, (placed, head) = head, link(head, content)
            leaf = Leaf(placed.sequence, *content, before.last_hash).encoded().decode()
            self.lines.append(f'{{"entry":{leaf},"leaf_hash":"{placed.leaf_hash}"}}')
            if head.size in sizes:
                self.notes.append(SIGNER.sign(TreeHead(*head.tree)))


@st.composite
def logs(draw: st.DrawFn) -> AnyLog:
    told = [
        Content(
            f"2026-11-19T05:51:00.{number:06d}+00:00", "test.told", actor, subject, tenant, None,
            canonical_bytes(payload).decode(),
        )
        for number, (actor, subject, tenant, payload) in enumerate(draw(contents))
    ]  # fmt: skip
    sizes = draw(st.lists(st.integers(1, len(told)), max_size=3))
    return AnyLog(told, [*sizes, len(told)])


def verified(lines: Sequence[str], notes: Sequence[str], *, outside: Sequence[str] = ()) -> VerificationReport:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "audit.jsonl"
        checkpoints = [json.dumps({"checkpoint": note}, ensure_ascii=False) for note in notes]
        path.write_text("".join(f"{line}\n" for line in [*lines, *checkpoints]), encoding="utf-8", newline="\n")
        return verify_export(path, signer=SIGNER, notes=outside)


@settings(max_examples=60, deadline=None)
@given(logs())
def test_a_log_as_it_was_written_holds(log: AnyLog) -> None:
    report = verified(log.lines, log.notes)
    assert (report.ok, report.entries, report.covered) == (True, len(log.lines), len(log.lines)), report


Attack = Callable[[list[str], int, int], int]
"""Changes the lines in place, given two positions; the first entry that is then bad."""


def edit(lines: list[str], at: int, other: int) -> int:
    character = lines[at].index('"sequence"') - 1 - other % (lines[at].index('"sequence"') - 10)
    old = lines[at][character]
    lines[at] = lines[at][:character] + ("x" if old != "x" else "y") + lines[at][character + 1 :]
    return at


def cut_out(lines: list[str], at: int, other: int) -> int:
    last = at + 1 + other % max(1, len(lines) - at - 1)
    del lines[at : min(last, len(lines) - 1) if at < len(lines) - 1 else len(lines)]
    return at


def repeat(lines: list[str], at: int, other: int) -> int:
    lines.insert(at + 1, lines[other])
    return at + 1 + (other == at + 1)  # then the first of the two alike is in its place


def swap(lines: list[str], at: int, other: int) -> int:
    lines[at], lines[other] = lines[other], lines[at]
    return min(at, other)


def truncate(lines: list[str], at: int, other: int) -> int:
    del lines[at:]
    return at


def second_meaning(lines: list[str], at: int, other: int) -> int:
    """A second `entry` in the line, which most JSON readers would take for the only one."""
    mallory = '{"actor":"human:mallory"}'
    lines[at] = f'{lines[at][:-1]},"entry":{mallory}}}'
    return at


FORGED: dict[str, Callable[[str], str]] = {
    "an unknown name inside": lambda line: line.replace('{"entry":{', '{"entry":{"approved_by":"human:ana",', 1),
    "an unknown name in the record": lambda line: line.replace('"record":{', '"record":{"by":"human:ana",', 1),
    "a repeated name": lambda line: line.replace('"actor":', '"actor":"human:mallory","actor":', 1),
    "a repeated name in the payload": lambda line: line.replace(',"n":1', ',"n":2,"n":1', 1),
    "a sequence that is a float": lambda line: line.replace('"sequence":1', '"sequence":1.9', 1),
    "a sequence that is a whole float": lambda line: line.replace('"sequence":1', '"sequence":1.0', 1),
    "a sequence that is text": lambda line: line.replace('"sequence":1', '"sequence":"1"', 1),
    "another entry first": lambda line: '{"entry":{"record":"forged"},' + line[1:],
    "a comment": lambda line: line[:-1] + ',"comment":"approved by ana"}',
    "a checkpoint": lambda line: line[:-1] + ',"checkpoint":"x"}',
    "shredded, which was never sealed": lambda line: line[:-1] + ',"shredded":["reason"]}',
    "shredded, which is not there": lambda line: line[:-1] + ',"shredded":["why"]}',
    "shredded, nothing": lambda line: line[:-1] + ',"shredded":[]}',
    "shredded twice": lambda line: line[:-1] + ',"shredded":["box"],"shredded":["box"]}',
}


def sealed_log() -> AnyLog:
    payload = canonical_bytes({"n": 1, "reason": "said", "box": {"sealed": "sbk_1", "box": "AAAA"}}).decode()
    told = [Content(f"2026-11-19T05:51:0{n}.000000+00:00", "a.told", "a", "s", None, None, payload) for n in range(3)]
    return AnyLog(told, [3])


@pytest.mark.parametrize("forged", FORGED)
def test_a_line_says_what_was_hashed_and_nothing_beside_it(forged: str) -> None:
    log = sealed_log()
    lines = [log.lines[0], FORGED[forged](log.lines[1]), log.lines[2]]
    assert lines != log.lines
    report = verified(lines, log.notes)
    assert (report.ok, report.first_bad_sequence) == (False, 1), report
    lines[0] = json.dumps(json.loads(lines[0]))  # written again by another tool: each line is parsed
    assert verified(lines, log.notes).first_bad_sequence == 1


def test_a_sealed_field_may_be_shredded() -> None:
    log = sealed_log()
    assert verified([line[:-1] + ',"shredded":["box"]}' for line in log.lines], log.notes).ok


@pytest.mark.parametrize("more", ['"entry":{"record":{"actor":"human:ana"}}', '"checkpoint":"x"', '"leaf_hash":"0"'])
def test_a_checkpoints_line_holds_nothing_else(more: str) -> None:
    log = sealed_log()
    checkpoint = json.dumps({"checkpoint": log.notes[0]}, ensure_ascii=False)
    for line in (f"{checkpoint[:-1]},{more}}}", f'{{"checkpoint":"",{more}}}'):
        assert not verified([*log.lines, line], []).ok


@pytest.mark.parametrize("attack", [edit, cut_out, repeat, swap, truncate, second_meaning])
@settings(max_examples=40, deadline=None)
@given(log=logs(), data=st.data())
def test_tampering_is_seen_and_named(attack: Attack, log: AnyLog, data: st.DataObject) -> None:
    lines = list(log.lines)
    at, other = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    bad = attack(lines, at, other)
    if lines == log.lines:
        return  # swapped with itself
    report = verified(lines, log.notes)
    assert (report.ok, report.first_bad_sequence) == (False, bad), report


BY_WHOEVER_MAY_REHASH = [
    ('"recorded_at":"2026-11-19T05:51:00.000005+00:00"', '"recorded_at":"2020-01-01T00:00:00"'),
    ('"recorded_at":"2026-11-19T05:51:00.000005+00:00"', '"recorded_at":"2030-01-01T00:00:00"'),
    ('"recorded_at":"2026-11-19T05:51:00.000005+00:00"', '"recorded_at":""'),
    ('"sequence":5', '"sequence":1e999'),
    ('"sequence":5', f'"sequence":{"9" * 5000}'),
    ('"payload":{}', '"payload":{"deep":' + "[" * 90_000 + "]" * 90_000 + "}"),
    ('"payload":{}', '"payload":{"half":"\\ud800"}'),
]


@pytest.mark.parametrize(("old", "new"), BY_WHOEVER_MAY_REHASH)
def test_an_entry_that_the_log_never_writes_is_named(old: str, new: str) -> None:
    """All hashes are made anew and no checkpoint speaks against it: still a verdict with a number, not a crash."""
    told = [
        Content(f"2026-11-19T05:51:00.{number:06d}+00:00", "test.told", "a", "s", None, None, "{}")
        for number in range(9)
    ]
    lines: list[str] = []
    before = FIRST_PREVIOUS_HASH
    for number, content in enumerate(told):
        leaf = Leaf(number, *content, before).encoded().decode()
        if number == 5:
            assert old in leaf
            leaf = leaf.replace(old, new)
        before = merkle.leaf_hash(leaf.encode()).hex()
        lines.append(f'{{"entry":{leaf},"leaf_hash":"{before}"}}')
    if "payload" not in old:  # one that hashes to what it should is not parsed where all is as we write it
        assert verified(lines, []).first_bad_sequence == 5
    lines[0] = json.dumps(json.loads(lines[0]))  # written again by another tool: each line is parsed
    report = verified(lines, [])
    assert (report.ok, report.first_bad_sequence) == (False, 5), report


@settings(max_examples=40, deadline=None)
@given(log=logs(), data=st.data())
def test_a_rewrite_with_all_hashes_is_bounded_by_the_checkpoints(log: AnyLog, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log.lines) - 1))
    told = list(log.contents)
    told[at] = told[at]._replace(actor=f"{told[at].actor}!")
    report = verified(AnyLog(told, []).lines, log.notes)
    sizes = sorted({int(note.split("\n")[1]) for note in log.notes})
    covered = max((size for size in sizes if size <= at), default=0)
    assert (report.ok, report.covered, report.first_bad_sequence) == (False, covered, covered), report


@settings(max_examples=40, deadline=None)
@given(log=logs(), data=st.data())
def test_two_histories_of_one_log_are_a_fork(log: AnyLog, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(log.lines)))
    told = [content._replace(subject=f"{content.subject}!") for content in log.contents[:size]]
    other = AnyLog(told, [size])
    report = verified(log.lines, log.notes, outside=other.notes)
    assert not report.ok
    if any(note.split("\n")[1] == str(size) for note in log.notes):
        assert report.forked
        assert "checkpoints of size" in (report.problem or "")
    else:
        assert report.first_bad_sequence is not None
        assert report.first_bad_sequence < size, report


def test_a_fork_among_checkpoints_needs_no_entry_to_be_seen() -> None:
    heads = [TreeHead(3, merkle.leaf_hash(bytes([number])).hex()) for number in range(2)]
    report = verified([], [SIGNER.sign(head) for head in heads])
    assert (report.ok, report.forked, report.first_bad_sequence) == (False, True, None)
