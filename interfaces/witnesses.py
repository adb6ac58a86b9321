"""Asks witnesses for their signatures over HTTP (c2sp.org/tlog-witness)."""

from __future__ import annotations

from collections.abc import Callable

from audit.checkpoint import parse_note
from audit.cosignature import CosignatureVerifier
from audit.proofs import Extension
from foundation.errors import Unavailable, VigiaError

Post = Callable[[str], tuple[int, str]]
"""Sends a request's text; the status and text of the answer. Raises Unavailable."""

Prove = Callable[[int], Extension]
"""That the checkpoint to be signed only added to the log of so many entries."""

_CONFLICT = 409


def http_post(url: str, *, timeout: float = 10.0) -> Post:
    """To the witness's submission prefix `url`."""

    def post(request: str) -> tuple[int, str]:
        import httpx

        try:
            answer = httpx.post(f"{url.rstrip('/')}/add-checkpoint", content=request.encode(), timeout=timeout)
        except httpx.HTTPError as error:
            raise Unavailable(f"the witness at {url} did not answer: {error}") from error
        return answer.status_code, answer.text

    return post


def ask_witness(prove: Prove, note: str, witness: CosignatureVerifier, post: Post, *, last_size: int) -> str:
    """The witness's signature line for the checkpoint `note`, checked. `last_size` is of the head it signed last.

    Raises Unavailable when it does not answer or does not sign; a refusal to continue a history is the loudest thing
    a witness can say, and its words are in the message.
    """
    status, answer = post(prove(last_size).encoded())
    if status == _CONFLICT and answer.strip().isdecimal() and int(answer) <= parse_note(note).size:
        status, answer = post(prove(int(answer)).encoded())
    if status != 200:
        raise Unavailable(f"witness {witness.name} refused the checkpoint ({status}): {answer.strip()[:300]}")
    for line in answer.splitlines():
        try:
            if line and witness.cosigned_at(f"{note}{line}\n") is not None:
                return f"{line}\n"
        except VigiaError as error:
            raise Unavailable(f"witness {witness.name} answered with a false signature: {error.message}") from error
    raise Unavailable(f"witness {witness.name} answered without a signature of its own")
