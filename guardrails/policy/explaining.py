"""Why a verdict is what it is: every freeze, rule and grant that was looked at, and why it did or did not count."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.policy.policy import FLOOR, Policy
from guardrails.policy.types import Considered, Explanation, PolicyQuestion, Verb


def explain(policy: Policy, question: PolicyQuestion, *, proposer: str, executor: str) -> Explanation:
    """The verdict on `question` with its reasons; `proposer` and `executor` are the principals whose grants are asked
    about."""
    verdict = policy.judge(question)
    decided = set(verdict.rule.split(" + "))
    considered = [*_freezes(policy, question, decided), *_rules(policy, question, decided)]
    if FLOOR in decided:
        considered.append(Considered(kind="floor", name=FLOOR, outcome="decided", why=verdict.reason))
    considered += _grants(policy, question, proposer=proposer, executor=executor)
    return Explanation(**verdict.model_dump(), policy_sha256=policy.digest, considered=tuple(considered))


def _freezes(policy: Policy, question: PolicyQuestion, decided: set[str]) -> Iterator[Considered]:
    for matcher in policy.freezes:
        why_not, name = matcher.why_not(question), matcher.freeze.name
        if name in decided:
            yield Considered(kind="freeze", name=name, outcome="decided", why=matcher.freeze.reason)
        elif why_not is None and question.break_glass:
            yield Considered(kind="freeze", name=name, outcome="passed over", why="the glass is broken")
        else:
            why = why_not or "another freeze stands before it"
            yield Considered(kind="freeze", name=name, outcome="passed over", why=why)


def _rules(policy: Policy, question: PolicyQuestion, decided: set[str]) -> Iterator[Considered]:
    frozen = any(matcher.freeze.name in decided for matcher in policy.freezes)
    for matcher in policy.rules:
        rule, why_not = matcher.rule, matcher.why_not(question)
        if why_not is not None:
            yield Considered(kind="rule", name=rule.name, outcome="passed over", why=why_not)
        elif rule.name in decided:
            yield Considered(kind="rule", name=rule.name, outcome="decided", why=f"{rule.effect}: {rule.description}")
        else:
            why = "a freeze wins over every rule" if frozen else f"it says {rule.effect}, and a stricter one counts"
            yield Considered(kind="rule", name=rule.name, outcome="counted" if not frozen else "passed over", why=why)


def _grants(policy: Policy, question: PolicyQuestion, *, proposer: str, executor: str) -> Iterator[Considered]:
    asked: tuple[tuple[Verb, str], ...] = (("propose", proposer), ("execute", executor))
    for verb, who in asked:
        right = policy.may(verb, who, question.requester_roles if verb == "propose" else frozenset(), question)
        name = right.reason.removeprefix("grant ") if right.allowed else "none"
        yield Considered(
            kind="grant",
            name=name,
            outcome="decided" if right.allowed else "passed over",
            why=f"{who} may {verb} it" if right.allowed else right.reason,
        )
