"""Default-deny policy: what may be done, by whom it must be approved, and who may approve.

Nothing here looks at what a model wrote. Of all rules that match the strictest counts: a denial before an approval
before an allowance; of several that require approval the most approvers, and only roles that all of them accept. So
adding a rule that denies or asks can never make anything easier, wherever it stands in the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from foundation.canonical import digest
from guardrails.policy.loading import DEFAULT_POLICY, load_document
from guardrails.policy.types import Freeze, Match, MayDecide, PolicyDocument, PolicyQuestion, PolicyVerdict, Rule
from guardrails.proposal import ActionProposal
from platform_core.access.principals import Principal


class Policy:
    def __init__(self, document: PolicyDocument) -> None:
        self.document = document
        self.digest = digest(document.model_dump(mode="json") | {"rules": [_stable(rule) for rule in document.rules]})

    @classmethod
    def load(cls, path: Path | None = None) -> Policy:
        """From the YAML file at `path`; None is the built-in default. Raises InvalidInput with line and reason."""
        return cls(load_document(path or DEFAULT_POLICY))

    def judge(self, question: PolicyQuestion) -> PolicyVerdict:
        """The verdict on `question`. Never raises: what is not known is denied."""
        for freeze in self.document.freezes:
            if _frozen(freeze, question):
                until = freeze.end.isoformat(timespec="minutes")
                return _deny(freeze.name, f"changes are frozen until {until}: {freeze.reason}")
        return self._by_rules(question)

    def may_decide(self, principal: Principal, proposal: ActionProposal) -> MayDecide:
        """Whether `principal` may approve `proposal`, as far as rules go (freezes come and go; `judge` knows them)."""
        verdict = self._by_rules(PolicyQuestion.about(proposal, at=proposal.created_at))
        if principal.kind != "human":
            return _no(f"{principal.id} is no person: agents and services never decide")
        if verdict.effect != "require_approval":
            return _no(f"{verdict.rule}: {verdict.reason}; there is nothing to decide")
        if not principal.roles & verdict.approver_roles:
            wanted = ", ".join(sorted(verdict.approver_roles))
            return _no(f"{principal.id} has none of the roles that may decide here: {wanted}")
        if not principal.may_act_for(proposal.tenant):
            return _no(f"{principal.id} may not act for tenant {proposal.tenant or '* (all of them)'}")
        if principal.id == proposal.requested_by and not verdict.requester_may_approve:
            return _no(f"{principal.id} requested this: somebody else has to approve it")
        return MayDecide(allowed=True, reason=f"rule {verdict.rule}")

    def _by_rules(self, question: PolicyQuestion) -> PolicyVerdict:
        matching = [rule for rule in self.document.rules if _matches(rule, question)]
        if not matching:
            return _deny("none", f"no rule speaks of {question.tool!r} ({question.tier}) in {question.environment}")
        for rule in matching:
            limit = rule.max_blast_radius_endpoints
            if rule.effect == "deny":
                return _deny(rule.name, rule.description)
            if limit is not None and question.endpoints > limit:
                return _deny(rule.name, f"it reaches {question.endpoints} endpoints, more than {limit}")
        asking = [rule for rule in matching if rule.effect == "require_approval"]
        if not asking:
            return PolicyVerdict(effect="allow", rule=matching[0].name, reason=matching[0].description)
        return _combine(asking)


def _combine(rules: list[Rule]) -> PolicyVerdict:
    name = " + ".join(rule.name for rule in rules)
    roles = frozenset.intersection(*(rule.approver_roles for rule in rules))
    if not roles:
        return _deny(name, "these rules together leave nobody who may approve")
    return PolicyVerdict(
        effect="require_approval",
        rule=name,
        reason=rules[0].description,
        approvers_needed=max(rule.approvers_needed for rule in rules),
        approver_roles=roles,
        requester_may_approve=all(rule.requester_may_approve for rule in rules),
    )


def _matches(rule: Rule, question: PolicyQuestion) -> bool:
    match: Match = rule.match
    return (
        _globs(match.tools, question.tool)
        and question.tier in match.tiers
        and question.environment in match.environments
        and _tenants(match.tenants, question.tenant)
        and (not match.requester_roles or bool(match.requester_roles & question.requester_roles))
    )


def _frozen(freeze: Freeze, question: PolicyQuestion) -> bool:
    return (
        question.tier != "read"
        and freeze.start <= question.at < freeze.end
        and question.environment in freeze.environments
        and (question.tenant is None or _tenants(freeze.tenants, question.tenant))
        and not _globs(freeze.except_tools, question.tool)
    )


def _tenants(globs: Iterable[str], tenant: str | None) -> bool:
    return "*" in globs if tenant is None else _globs(globs, tenant)


def _globs(globs: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _stable(rule: Rule) -> dict[str, Any]:
    """The rule as JSON with its sets in order, so that two processes compute the same digest."""
    match = rule.match.model_dump(mode="json") | {"requester_roles": sorted(rule.match.requester_roles)}
    return rule.model_dump(mode="json") | {"match": match, "approver_roles": sorted(rule.approver_roles)}


def _deny(rule: str, reason: str) -> PolicyVerdict:
    return PolicyVerdict(effect="deny", rule=rule, reason=reason)


def _no(reason: str) -> MayDecide:
    return MayDecide(allowed=False, reason=reason)
