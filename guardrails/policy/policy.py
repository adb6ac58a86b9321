"""Default-deny policy: what may be done, by whom it must be approved, and who may approve.

Nothing here looks at what a model wrote. Of all rules that match the strictest counts: a denial before an approval
before an allowance; of several that require approval the most approvers, and only roles that all of them accept. So
adding a rule that denies or asks can never make anything easier, wherever it stands in the file.

Beneath the file lies a floor that no file can lower: in production nothing but a read goes without a person.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Protocol

from foundation.canonical import digest
from foundation.errors import InvalidInput
from guardrails.policy.document import BreakGlassRules, PolicyDocument, Rule
from guardrails.policy.loading import built_in, load_document
from guardrails.policy.matching import FreezeMatcher, GrantMatcher, RuleMatcher
from guardrails.policy.stable import stable
from guardrails.policy.types import ApproverRole, MayDecide, PolicyQuestion, PolicyVerdict, Verb
from guardrails.proposal import ActionProposal
from platform_core.access.principals import Principal, Role

FLOOR = "production-floor"
_MOST_KNOWN = 4096
_FLOOR_ROLES: frozenset[ApproverRole] = frozenset({"oncall", "approver", "admin"})


class PolicySource(Protocol):
    """Where the policy in force comes from: a `Policy` is its own, a `LivePolicy` follows its file."""

    def current(self) -> Policy:
        """One immutable version; whoever asks it several things asks them of the same one."""
        ...


class Policy:
    def __init__(self, document: PolicyDocument) -> None:
        self.document = document
        self.digest = digest(stable(document))
        self.freezes = tuple(FreezeMatcher(freeze) for freeze in document.freezes)
        self.rules = tuple(RuleMatcher(rule) for rule in document.rules)
        self.grants = tuple(GrantMatcher(grant) for grant in document.grants)
        self._known: dict[tuple[object, ...], tuple[tuple[Rule, ...], PolicyVerdict]] = {}
        self._index: dict[tuple[str, str], list[RuleMatcher]] = defaultdict(list)
        for matcher in self.rules:
            for tier in set(matcher.rule.match.tiers):
                for environment in set(matcher.rule.match.environments):
                    self._index[tier, environment].append(matcher)

    @classmethod
    def load(cls, path: Path | None = None) -> Policy:
        """From the YAML file at `path`; None is the built-in default. Raises InvalidInput with line and reason."""
        document = built_in() if path is None else load_document(path)
        try:
            return cls(document)
        except (ValueError, OverflowError) as error:
            # What the document's own checks let through is refused all the same, and the last good policy stays.
            raise InvalidInput(f"{path}: no policy can be made of it: {error}") from error

    def current(self) -> Policy:
        return self

    def judge(self, question: PolicyQuestion) -> PolicyVerdict:
        """The verdict on `question`. Never raises: what is not known is denied."""
        if not (question.break_glass and "freezes" in self._glass.lifts):
            for matcher in self.freezes:
                if matcher.matches(question):
                    freeze = matcher.freeze
                    until = freeze.end.isoformat(timespec="minutes")
                    return deny(freeze.name, f"changes are frozen until {until}: {freeze.reason}")
        return self._by_rules(question)

    def may(self, verb: Verb, principal_id: str, roles: frozenset[Role], question: PolicyQuestion) -> MayDecide:
        """Whether a grant lets this principal see, propose or execute that."""
        for matcher in self.grants:
            if verb in matcher.grant.may and matcher.why_not(principal_id, roles, question) is None:
                return MayDecide(allowed=True, reason=f"grant {matcher.grant.name}")
        return _no(f"no grant lets {principal_id} {verb} {question.tool!r} in {question.environment}")

    def may_decide(
        self,
        principal: Principal,
        proposal: ActionProposal,
        *,
        at: datetime | None = None,
        requester_roles: frozenset[Role] = frozenset(),
        authors: frozenset[str] | None = None,
    ) -> MayDecide:
        """Whether `principal` may approve `proposal`, as far as rules go (freezes come and go; `judge` knows them).
        `authors`: everybody who had a hand in it; None is who requested it."""
        question = PolicyQuestion.about(proposal, at=at or proposal.created_at, requester_roles=requester_roles)
        verdict = self._by_rules(question)
        wrote = frozenset({proposal.requested_by}) if authors is None else authors
        objection = _objection(principal, proposal, verdict, wrote)
        if objection is not None:
            return _no(objection)
        return MayDecide(allowed=True, reason=f"rule {verdict.rule}")

    @property
    def _glass(self) -> BreakGlassRules:
        return self.document.break_glass

    def _by_rules(self, question: PolicyQuestion) -> PolicyVerdict:
        matching, verdict = self._matching(question)
        if verdict.effect != "deny":
            for rule in matching:
                too_wide = _too_wide(rule, question)
                if too_wide is not None:
                    return deny(rule.name, too_wide)
        return self._lifted(verdict, question) if question.break_glass else verdict

    def _matching(self, question: PolicyQuestion) -> tuple[tuple[Rule, ...], PolicyVerdict]:
        """The rules that match and what they say together, limits apart. Remembered by what they look at; where a rule
        looks at the clock, it is asked each time."""
        key = (question.tool, question.tier, question.environment, question.tenant, question.requester_roles)
        known = self._known.get(key)
        if known is not None:
            return known
        candidates = self._index.get((question.tier, question.environment), ())
        matching = tuple(matcher.rule for matcher in candidates if matcher.matches(question))
        found = matching, _floored(_together(matching, question), question)
        if not any(matcher.rule.match.hours for matcher in candidates):
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()  # names that somebody makes up do not grow it for ever
            self._known[key] = found
        return found

    def _lifted(self, verdict: PolicyVerdict, question: PolicyQuestion) -> PolicyVerdict:
        if "approvers" not in self._glass.lifts or verdict.approvers_needed <= 1:
            return verdict
        return verdict.model_copy(update={"approvers_needed": 1, "rule": f"{verdict.rule} + break-glass"})


def deny(rule: str, reason: str) -> PolicyVerdict:
    return PolicyVerdict(effect="deny", rule=rule, reason=reason)


def _together(rules: tuple[Rule, ...], question: PolicyQuestion) -> PolicyVerdict:
    """The strictest of what matching rules say."""
    if not rules:
        return deny("none", f"no rule speaks of {question.tool!r} ({question.tier}) in {question.environment}")
    for rule in rules:
        if rule.effect == "deny":
            return deny(rule.name, rule.description)
    asking = [rule for rule in rules if rule.effect == "require_approval"]
    if asking:
        return _combine(asking)
    return PolicyVerdict(effect="allow", rule=rules[0].name, reason=rules[0].description)


def _floored(verdict: PolicyVerdict, question: PolicyQuestion) -> PolicyVerdict:
    """What the file says, unless that is less than a person other than the requester for a change in production. A
    file that says less is refused when it is read; this holds also where that check has a hole."""
    if question.environment != "production" or question.tier == "read" or verdict.effect == "deny":
        return verdict
    if verdict.effect == "require_approval" and verdict.approvers_needed >= 1 and not verdict.requester_may_approve:
        return verdict
    return PolicyVerdict(
        effect="require_approval",
        rule=f"{verdict.rule} + {FLOOR}",
        reason="a change in production always takes a person who did not ask for it",
        approvers_needed=max(1, verdict.approvers_needed),
        approver_roles=verdict.approver_roles or _FLOOR_ROLES,
        approver_ids=verdict.approver_ids,
    )


def _too_wide(rule: Rule, question: PolicyQuestion) -> str | None:
    limits = (
        ("endpoints", question.endpoints, rule.max_blast_radius_endpoints),
        ("models", question.models, rule.max_blast_radius_models),
        ("feature views", question.feature_views, rule.max_blast_radius_feature_views),
    )
    for what, reached, limit in limits:
        if limit is not None and reached > limit:
            return f"it reaches {reached} {what}, more than {limit}"
    return None


def _combine(rules: list[Rule]) -> PolicyVerdict:
    if len(rules) == 1:
        (rule,) = rules
        return PolicyVerdict(
            effect="require_approval",
            rule=rule.name,
            reason=rule.description,
            approvers_needed=rule.approvers_needed,
            approver_roles=rule.approver_roles,
            approver_ids=rule.approver_ids,
            requester_may_approve=rule.requester_may_approve,
        )
    name = " + ".join(rule.name for rule in rules)
    roles = frozenset.intersection(*(rule.approver_roles for rule in rules))
    named = [rule.approver_ids for rule in rules if rule.approver_ids]
    people = frozenset.intersection(*named) if named else frozenset[str]()
    needed = max(rule.approvers_needed for rule in rules)
    if not roles or (named and len(people) < needed):
        return deny(name, "these rules together leave nobody who may approve")
    return PolicyVerdict(
        effect="require_approval",
        rule=name,
        reason=rules[0].description,
        approvers_needed=needed,
        approver_roles=roles,
        approver_ids=people,
        requester_may_approve=all(rule.requester_may_approve for rule in rules),
    )


def _objection(
    principal: Principal, proposal: ActionProposal, verdict: PolicyVerdict, authors: frozenset[str]
) -> str | None:
    """Why `principal` may not approve, None when they may."""
    held = principal.roles_in(proposal.tenant, proposal.environment)
    checks = (
        (principal.kind == "human", f"{principal.id} is no person: agents and services never decide"),
        (verdict.effect == "require_approval", f"{verdict.rule}: {verdict.reason}; there is nothing to decide"),
        (
            bool(held),
            f"{principal.id} may not act for tenant {proposal.tenant or '* (all of them)'} in {proposal.environment}",
        ),
        (
            bool(held & verdict.approver_roles),
            f"{principal.id} has none of the roles that may decide here: {', '.join(sorted(verdict.approver_roles))}",
        ),
        (
            not verdict.approver_ids or principal.id in verdict.approver_ids,
            f"{principal.id} is none of those named: {', '.join(sorted(verdict.approver_ids))}",
        ),
        (
            principal.id not in authors or verdict.requester_may_approve,
            f"{principal.id} requested this{'' if principal.id == proposal.requested_by else ' before it was edited'}: "
            "somebody else has to approve it",
        ),
    )
    return next((objection for holds, objection in checks if not holds), None)


def _no(reason: str) -> MayDecide:
    return MayDecide(allowed=False, reason=reason)
