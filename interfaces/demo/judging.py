"""Whether the story ended as it should."""

from __future__ import annotations

from collections.abc import Iterator

from agents.incident.card import CardCause
from interfaces.demo.options import DemoOptions
from interfaces.demo.result import AuditResult
from interfaces.demo.story import Told

DEPLOY_CAUSES = frozenset({"unit_change", "null_burst", "renamed_column"})
"""Causes that a deploy of the simulated company brings about: an honest card cites it."""


def problems(options: DemoOptions, told: Told, expected_cause: str | None, audit: AuditResult) -> list[str]:
    """What went otherwise than it should have; empty when all is well."""
    found = list(_healthy(told) if expected_cause is None else _broken(options, told, expected_cause))
    if not audit.verified:
        found.append("the audit log does not verify")
    return found


def _healthy(told: Told) -> Iterator[str]:
    if told.alerts:
        yield f"{len(told.alerts)} alerts on a healthy platform"
    if told.cards:
        yield f"{len(told.cards)} incidents on a healthy platform"


def _broken(options: DemoOptions, told: Told, expected_cause: str) -> Iterator[str]:
    card, request = told.card, told.request
    if card is None:
        yield "no incident was raised"
        return
    if len(told.cards) > 1:
        yield f"one fault became {len(told.cards)} incidents: " + "; ".join(c.title for c in told.cards)
    named = card.most_likely.cause if card.most_likely else None
    if card.verdict == "inconclusive" or named != expected_cause:
        yield f"the cause is {expected_cause}, the diagnosis says {named} ({card.verdict})"
    elif card.most_likely and named in DEPLOY_CAUSES and not _cites_deploy(card.most_likely):
        against = "; ".join(f.text for f in card.most_likely.refuting)
        yield f"the deploy that did it is not among the supporting evidence; against the cause: {against or 'nothing'}"
    if request is None:
        yield "no action was proposed"
        return
    if options.reject and request.status != "rejected":
        yield f"the request is {request.status} although it was rejected"
    if options.reject or request.status in ("rejected", "expired"):
        yield from _not_approved(told)
    if options.reject or request.status == "rejected":
        return  # whoever said no, wherever: their right
    if card.execution is None or card.execution.status != "succeeded":
        yield f"the action was not executed: the request is {request.status}"
    elif card.verification is None or not card.verification.verified:
        yield "the action was not verified: " + "; ".join(card.verification.checks if card.verification else ())


def _cites_deploy(cause: CardCause) -> bool:
    return any("was deployed" in finding.text for finding in cause.supporting)


def _not_approved(told: Told) -> Iterator[str]:
    if told.card is not None and told.card.execution is not None:
        yield "something was executed although nobody approved the proposal"
    if told.untouched is False:
        yield "the target was changed although nobody approved the proposal"
