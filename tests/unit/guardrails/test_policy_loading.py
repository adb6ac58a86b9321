"""A policy file that means something else than it seems to is refused, with the line to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import InvalidInput
from guardrails.policy.policy import Policy

GOOD = """\
version: 1
rules:
  - name: first
    description: d
    match: {tools: [a], tiers: [reversible], environments: [dev]}
    effect: allow
  - name: second
    description: d
    match:
      tools: [b]
      tiers: [reversible]
      environments: [production]
    effect: require_approval
    approvers_needed: 2
    approver_roles: [approver]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_loads(tmp_path: Path) -> None:
    assert [rule.name for rule in Policy.load(write(tmp_path, GOOD)).document.rules] == ["first", "second"]


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("environments: [dev]}", "environments: [dev, production]}", 3, "nothing that changes production is allowed"),
        (
            "tiers: [reversible], environments: [dev]",
            "tiers: [read, costly], environments: [production]",
            3,
            "nothing that",
        ),
        ("    approvers_needed: 2\n", "", 7, "approvers_needed of at least 1"),
        (
            "    approvers_needed: 2\n",
            "    approvers_needed: 2\n    requester_may_approve: true\n",
            7,
            "never approves",
        ),
        ("    approvers_needed: 2", "    approvers_needed: many", 14, "integer"),
        ("approver_roles: [approver]", "approver_roles: [approver, viewer]", 15, "'oncall', 'approver' or 'admin'"),
        ("tiers: [reversible]\n", "tiers: [harmless]\n", 11, "'reversible'"),
        ("effect: allow", "effect: allow\n    effect: deny", 7, "'effect' is given twice"),
        ("effect: allow", "effect: allow\n    unless: true", 7, "Extra inputs"),
        ("effect: allow", "effect: deny\n    approvers_needed: 1", 3, "takes no approvers"),
        ("name: second", "name: first", 1, "names used twice: first"),
        ("version: 1", "version: 2", 1, "Input should be 1"),
        ("tools: [b]", "tools: []", 10, "at least 1"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidInput) as caught:
        Policy.load(write(tmp_path, GOOD.replace(old, new, 1)))
    assert f"line {line}: " in caught.value.message, caught.value.message
    assert reason in caught.value.message
    assert "policy.yaml" in caught.value.message


@pytest.mark.parametrize(
    ("freeze", "reason"),
    [
        ("start: 2026-11-27T00:00:00, end: 2026-12-01T00:00:00Z", "timezone"),
        ("start: 2026-12-01T00:00:00Z, end: 2026-11-27T00:00:00Z", "before it starts"),
    ],
)
def test_a_freeze_that_cannot_be_meant_is_refused(tmp_path: Path, freeze: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=f"line 17: .*{reason}"):
        Policy.load(write(tmp_path, f"{GOOD}freezes:\n  - {{name: f, reason: r, {freeze}}}\n"))


@pytest.mark.parametrize("text", ["", "- a\n", "rules: [", "just words"])
def test_what_is_no_policy_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput):
        Policy.load(write(tmp_path, text))


def test_a_missing_file_is_refused_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        Policy.load(tmp_path / "missing.yaml")
