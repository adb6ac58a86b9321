"""Rules as they are asked: globs compiled once, rules found by tier and environment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from fnmatch import translate

from guardrails.policy.document import Freeze, Grant, Rule
from guardrails.policy.hours import Hours
from guardrails.policy.types import PolicyQuestion


class GlobSet:
    """Names that one of some globs matches, by case."""

    __slots__ = ("_all", "_exact", "_pattern")

    def __init__(self, globs: Iterable[str]) -> None:
        given = tuple(globs)
        self._all = "*" in given
        self._exact = frozenset(glob for glob in given if not any(sign in glob for sign in "*?["))
        others = [translate(glob) for glob in given if glob not in self._exact and glob != "*"]
        self._pattern = re.compile("|".join(others)) if others else None

    def __contains__(self, name: str) -> bool:
        return self._all or name in self._exact or (self._pattern is not None and bool(self._pattern.match(name)))

    def holds_tenant(self, tenant: str | None) -> bool:
        """What belongs to no tenant is matched by `*` only."""
        return self._all if tenant is None else tenant in self


class RuleMatcher:
    __slots__ = ("_hours", "_tenants", "_tools", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._tools = GlobSet(rule.match.tools)
        self._tenants = GlobSet(rule.match.tenants)
        self._hours = rule.match.hours

    def matches(self, question: PolicyQuestion) -> bool:
        """For a rule of the question's tier and environment."""
        return (
            question.tool in self._tools
            and self._tenants.holds_tenant(question.tenant)
            and self._has_role(question)
            and (self._hours is None or self._hours.hold(question.at))
        )

    def why_not(self, question: PolicyQuestion) -> str | None:
        """The first condition that does not hold, in words; None when all do."""
        match = self.rule.match
        if question.tier not in match.tiers:
            return f"it speaks of {', '.join(match.tiers)} actions, this one is {question.tier}"
        if question.environment not in match.environments:
            return f"it is for {', '.join(match.environments)}"
        if question.tool not in self._tools:
            return f"{question.tool} is none of its tools"
        if not self._tenants.holds_tenant(question.tenant):
            return f"it is for the tenants {', '.join(match.tenants)}"
        if not self._has_role(question):
            return f"the requester has none of the roles {', '.join(sorted(match.requester_roles))}"
        return outside(match.hours, question.at)

    def _has_role(self, question: PolicyQuestion) -> bool:
        wanted = self.rule.match.requester_roles
        return not wanted or bool(wanted & question.requester_roles)


class FreezeMatcher:
    __slots__ = ("_except", "_tenants", "freeze")

    def __init__(self, freeze: Freeze) -> None:
        self.freeze = freeze
        self._tenants = GlobSet(freeze.tenants)
        self._except = GlobSet(freeze.except_tools)

    def matches(self, question: PolicyQuestion) -> bool:
        """As `why_not(question) is None`, without the words: this is asked at every decision."""
        freeze, tenant = self.freeze, question.tenant
        return (
            freeze.start <= question.at < freeze.end
            and question.tier != "read"
            and question.environment in freeze.environments
            and (tenant is None or tenant in self._tenants)
            and question.tool not in self._except
        )

    def why_not(self, question: PolicyQuestion) -> str | None:
        """Why `question` is not frozen by this; None when it is. What belongs to no tenant touches every frozen one."""
        freeze = self.freeze
        if question.tier == "read":
            return "reads go on"
        if not freeze.start <= question.at < freeze.end:
            return f"it holds from {freeze.start.isoformat()} until {freeze.end.isoformat()}"
        if question.environment not in freeze.environments:
            return f"it is for {', '.join(freeze.environments)}"
        if question.tenant is not None and question.tenant not in self._tenants:
            return f"it is for the tenants {', '.join(freeze.tenants)}"
        return f"{question.tool} is excepted from it" if question.tool in self._except else None


class GrantMatcher:
    __slots__ = ("_principals", "_tenants", "_tools", "grant")

    def __init__(self, grant: Grant) -> None:
        self.grant = grant
        self._principals = GlobSet(grant.principals)
        self._tools = GlobSet(grant.tools)
        self._tenants = GlobSet(grant.tenants)

    def why_not(self, principal_id: str, roles: frozenset[str], question: PolicyQuestion) -> str | None:
        grant = self.grant
        if principal_id not in self._principals and not roles & grant.roles:
            return f"{principal_id} is not among those it is for"
        if question.tool not in self._tools or question.tier not in grant.tiers:
            return f"it is not for {question.tool} ({question.tier})"
        if question.environment not in grant.environments or not self._tenants.holds_tenant(question.tenant):
            return f"it is not for {question.tenant or 'all tenants'} in {question.environment}"
        return outside(grant.hours, question.at)


def outside(hours: Hours | None, at: datetime) -> str | None:
    if hours is None or hours.hold(at):
        return None
    return f"it holds from {hours.start:%H:%M} to {hours.end:%H:%M} in {hours.zone} on {', '.join(hours.days)}"
