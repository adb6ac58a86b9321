"""What counts as a reason, wherever one has to be given."""

from __future__ import annotations

import pytest

from foundation.errors import InvalidInput
from foundation.reasons import LONGEST_REASON, reason_for, reason_if_any


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "needs a reason in words"),
        ("", "needs a reason in words"),
        (" \t\n ", "needs a reason in words"),
        ("...!", "needs a reason in words"),
        ("\u202eno", "control characters"),
        ("no\x1b[2J", "control characters"),
        ("a\x00b", "control characters"),
        ("a" * (LONGEST_REASON + 1), "2001 characters"),
    ],
)
def test_what_is_no_reason(said: str | None, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        reason_for("a rejection", said)
    assert refused.value.message.startswith("a rejection")
    assert refused.value.hint
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("said", ["x", "não é isso", "5", "two\nlines\tof it", "a" * LONGEST_REASON, "理由"])
def test_what_is_one(said: str) -> None:
    assert reason_for("a rejection", f"  {said} ") == said


def test_where_none_is_needed_what_is_given_is_judged_all_the_same() -> None:
    assert (reason_if_any("an approval", None), reason_if_any("an approval", "  ")) == (None, None)
    assert reason_if_any("an approval", " fine ") == "fine"
    with pytest.raises(InvalidInput):
        reason_if_any("an approval", "\x00")
