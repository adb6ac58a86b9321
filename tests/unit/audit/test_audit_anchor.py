"""Heads reach the anchors when they are due, and what an anchor holds shows a rewritten log."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.anchor import Anchor, AnchorSchedule, FileAnchor
from audit.chain import TreeHead
from audit.checkpoint import CheckpointSigner, find_notes
from audit.publish import read_notes
from foundation.errors import Unavailable


class FakeAnchor(Anchor):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.down = False

    def post(self, note: str) -> None:
        if self.down:
            raise Unavailable("the chat is down")
        self.notes.append(note)


class Wall:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def signer(tmp_path: Path) -> CheckpointSigner:
    return CheckpointSigner.load_or_create(tmp_path / "audit.pem", "vigia.test/audit")


def note(signer: CheckpointSigner, size: int) -> str:
    return signer.sign(TreeHead(size, f"{size:064x}"))


def test_a_grown_log_is_posted_once_per_period(signer: CheckpointSigner) -> None:
    anchor, wall = FakeAnchor(), Wall()
    schedule = AnchorSchedule({"chat": anchor}, every_seconds=60, monotonic=wall)
    for seconds, size in ((0, 1), (30, 2), (61, 2), (62, 3), (200, 3), (201, 9)):
        wall.now = 100.0 + seconds
        schedule.offer(note(signer, size))
    assert anchor.notes == [note(signer, size) for size in (1, 2, 3)]


def test_an_empty_log_has_nothing_to_anchor(signer: CheckpointSigner) -> None:
    anchor = FakeAnchor()
    AnchorSchedule({"chat": anchor}, every_seconds=60, monotonic=Wall()).offer(note(signer, 0))
    assert anchor.notes == []


def test_at_the_end_the_last_head_is_posted(signer: CheckpointSigner) -> None:
    anchor = FakeAnchor()
    schedule = AnchorSchedule({"chat": anchor}, every_seconds=60, monotonic=Wall())
    schedule.offer(note(signer, 1))
    schedule.offer(note(signer, 2))
    schedule.offer(note(signer, 2), now=True)
    schedule.offer(note(signer, 2), now=True)
    assert anchor.notes == [note(signer, 1), note(signer, 2)]


def test_an_anchor_that_is_down_is_tried_again_and_holds_up_no_other(signer: CheckpointSigner, tmp_path: Path) -> None:
    chat, path = FakeAnchor(), tmp_path / "heads.txt"
    path.touch()
    chat.down = True
    schedule = AnchorSchedule({"chat": chat, "file": FileAnchor(path)}, every_seconds=60, monotonic=Wall())
    outcomes = schedule.offer(note(signer, 1))
    assert outcomes["file"] is None
    assert str(outcomes["chat"]) == "the chat is down"
    chat.down = False
    assert schedule.offer(note(signer, 2)) == {"chat": None}
    assert chat.notes == [note(signer, 2)]
    assert read_notes(path) == [note(signer, 1)]


def test_an_anchor_that_is_gone_is_not_made_anew(signer: CheckpointSigner, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"heads\.txt' is not there"):
        FileAnchor(tmp_path / "heads.txt").post(note(signer, 1))
    assert not (tmp_path / "heads.txt").exists()


def test_a_full_disk_is_said(signer: CheckpointSigner) -> None:
    with pytest.raises(Unavailable, match=r"/dev/full.*No space left"):
        FileAnchor(Path("/dev/full")).post(note(signer, 1))


def test_heads_are_found_in_what_people_paste(signer: CheckpointSigner) -> None:
    pasted = f"Vigía  09:12\nAudit log at 3 entries.\n```\n{note(signer, 3)}```\nthanks\n> {note(signer, 4)}"
    quoted = pasted.replace(note(signer, 4), note(signer, 4).replace("\n", "\n> "))
    assert find_notes(quoted) == [note(signer, 3), note(signer, 4)]
    assert find_notes("nothing here\n12\n") == []
