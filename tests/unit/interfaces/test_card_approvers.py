"""Who may approve is said by name, and by today's policy and people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.errors import Unavailable
from guardrails.policy.policy import Policy
from interfaces.bootstrap.approvers import who_may
from platform_core.access.principals import Principal, Role
from tests.fakes.cards import quarantine_proposal


def person(name: str, role: Role = "oncall", tenant: str = "br") -> Principal:
    return Principal(id=f"human:{name.lower()}", name=name, roles=frozenset({role}), tenants=frozenset({tenant}))


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ([person("Alice")], "Alice"),
        ([person("Bruno", "approver"), person("Alice")], "Alice or Bruno"),
        ([person(n) for n in ("Ana", "Beto", "Caio")], "Ana, Beto or Caio"),
        ([person(n) for n in ("Ana", "Beto", "Caio", "Davi", "Eva")], "Ana, Beto, Caio and 2 more"),
        ([person("Alice", "viewer"), person("Mara", tenant="mx")], "nobody: no person that is known may approve this"),
        ([], "nobody: no person that is known may approve this"),
    ],
)
def test_those_whom_policy_lets_approve_are_named(people: list[Principal], said: str) -> None:
    assert who_may(Policy.load(None), people)(quarantine_proposal()) == said


class Unreadable:
    def __iter__(self) -> Iterator[Principal]:
        raise Unavailable("the file is being written")


def test_a_directory_that_cannot_be_read_hides_no_card() -> None:
    assert who_may(Policy.load(None), Unreadable())(quarantine_proposal()) == "people who cannot be read just now"
