"""Our own names, which text from outside may point at: those of the lineage, and what a plan found at its target."""

from __future__ import annotations

import re
from collections.abc import Iterable

from guardrails.proposal import Plan
from guardrails.taint.choices import strings_in
from platform_core.catalog.lineage import Lineage

_NAME = re.compile(r"[\w.:+@/-]{1,200}")


def names_of(lineage: Lineage, plan: Plan, *more: str) -> frozenset[str]:
    """URNs and bare names of what there is, and names in the target's diff, which its planner has checked there. A
    sentence is no name, wherever it stands."""
    nodes = (*lineage.nodes, plan.target)
    found = strings_in([change.model_dump(mode="json") for change in plan.changes])
    return frozenset(_names((*nodes, *(node.split(":", 3)[-1] for node in nodes), *found, *more)))


def _names(texts: Iterable[str]) -> Iterable[str]:
    return (text for text in texts if _NAME.fullmatch(text))
