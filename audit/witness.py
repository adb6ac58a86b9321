"""A witness: signs a log's head only when it is a continuation of the head it signed last (c2sp.org/tlog-witness).

Run by somebody else, on another machine, with a key of their own: then the log's owner cannot show one history to one
reader and another to the next without a witness that refuses. All it keeps is one checkpoint per log, in one file.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from audit import merkle
from audit.chain import TreeHead
from audit.checkpoint import NoteVerifier, parse_note
from audit.cosignature import Cosigner
from audit.proofs import extends, read_extension
from foundation.clock import Clock
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable


class OtherSize(Conflict):
    """The request begins at another size than the head signed last; `size` is that head's."""

    def __init__(self, size: int, asked: int) -> None:
        super().__init__(
            f"the head signed last has {size} entries, the proof begins at {asked}", hint=f"prove from {size} on"
        )
        self.size = size


class ForkSeen(InvalidInput):
    """The proof does not hold: the log does not continue what was signed before."""


class Witness:
    """Keeps the head signed last for each of `logs` in the file `state`."""

    def __init__(self, cosigner: Cosigner, state: Path, logs: Sequence[NoteVerifier], clock: Clock) -> None:
        self._cosigner = cosigner
        self._state = state
        self._logs = {log.origin: log for log in logs}
        self._clock = clock

    def add_checkpoint(self, request: str) -> str:
        """The cosignature line for the checkpoint in `request`.

        Raises NotFound for a log it does not know, Forbidden for a signature that is not the log's, OtherSize, ForkSeen
        or Conflict when the head does not continue the last one, InvalidInput for anything that is no request,
        Unavailable when the state cannot be kept: then nothing is signed.
        """
        asked = read_extension(request)
        origin = asked.note.partition("\n")[0]
        log = self._logs.get(origin)
        if log is None:
            raise NotFound(f"no log {origin!r} is witnessed here")
        new = parse_note(asked.note, origin=origin)
        try:
            log.check_signature(asked.note)
        except InvalidInput as error:
            raise Forbidden(error.message) from error
        if asked.old_size > new.size:
            raise InvalidInput(f"a proof from {asked.old_size} to {new.size} entries goes backwards")
        with self._locked() as heads:
            last = _last_head(heads, origin)
            if asked.old_size != last.size:
                raise OtherSize(last.size, asked.old_size)
            if new.size == last.size and new.root_hash != last.root_hash:
                raise Conflict(f"another tree of {new.size} entries was signed before: the log was forked")
            if not extends(last, new, asked.hashes):
                raise ForkSeen(f"the proof does not lead from {last.size} to {new.size} entries: the log was forked")
            self._keep(heads | {origin: asked.note})
        return self._cosigner.cosign(asked.note, self._clock.now())

    def last_size(self, origin: str) -> int:
        """Of the head signed last; 0 when there was none."""
        with self._locked() as heads:
            return _last_head(heads, origin).size

    @contextmanager
    def _locked(self) -> Generator[dict[str, str]]:
        # Reading, comparing and keeping are one step: two requests side by side must not roll the state back.
        try:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            with self._state.with_name(f"{self._state.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield json.loads(self._state.read_text(encoding="utf-8")) if self._state.exists() else {}
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the witness cannot read or keep {str(self._state)!r}: {error}", hint="nothing was signed"
            ) from error

    def _keep(self, heads: dict[str, str]) -> None:
        temporary = self._state.with_name(f".{self._state.name}.new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(heads, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._state)
        directory = os.open(self._state.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _last_head(heads: dict[str, str], origin: str) -> TreeHead:
    note = heads.get(origin)
    return TreeHead(0, merkle.EMPTY_ROOT.hex()) if note is None else parse_note(note, origin=origin)
