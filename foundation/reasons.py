"""What counts as a reason: one rule for every door and everything that has to be given one.

A reason is read months later by somebody who was not there, on a page, in a terminal and in the audit log. So it has a
word in it, an end, and nothing that a screen would obey.
"""

from __future__ import annotations

import re

from foundation.errors import InvalidInput

LONGEST_REASON = 2000
"""Characters; forms take no more, and the domain refuses more."""

# C0 without tab and line ends, DEL, C1, lone surrogates, and the marks that reorder text (UAX #9, explicit formatting).
_STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def reason_for(what: str, said: str | None) -> str:
    """`said` without the white space around it. Raises InvalidInput where it says nothing, says too much, or steers;
    `what` it is for begins the message: `a rejection`."""
    text = (said or "").strip()
    if not any(character.isalnum() for character in text):
        raise InvalidInput(f"{what} needs a reason in words", hint="it is kept in the audit log and read by others")
    require_short(what, text)
    if _STEERING.search(text):
        raise InvalidInput(f"{what}: a reason with control characters", hint="write plain text")
    return text


def require_short(what: str, said: str) -> None:
    """For whoever looks at the text before it is judged, which costs by its length. Raises InvalidInput."""
    if len(said) > LONGEST_REASON:
        raise InvalidInput(f"{what}: a reason of {len(said)} characters", hint=f"at most {LONGEST_REASON}")


def reason_if_any(what: str, said: str | None) -> str | None:
    """The same where nobody has to give one: None for nothing but white space."""
    return reason_for(what, said) if said and said.strip() else None
