"""A sign: something that evidence shows or does not show, whatever the cause."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agents.diagnosis.case import Case
from agents.diagnosis.wording import say
from agents.evidence import Evidence
from tools.contract import Figure

Figures = Mapping[str, Figure]

_ABOUT = ("source", "endpoint", "view", "job", "urn", "subject", "column")
"""Arguments that say what a probe was asked about, the nearest first."""
_PLAIN = re.compile(r"urn:vigia:\w+:([\w-]+)")


@dataclass(frozen=True)
class Sign:
    """`test` reads one tool's figures and answers None when they do not tell.

    Where a tool was asked about several things (each endpoint of the platform), `across` says how their answers make
    one: `any` holds when one shows it, `most` when more than half of those that tell do.
    """

    name: str
    tool: str
    reads: tuple[str, ...]
    test: Callable[[Figures], bool | None]
    holds: str
    """What to say when it holds, with `{figure}` and `{argument}` in it."""

    fails: str
    base: float
    """How often it holds in incidents that another cause explains, 0..1. Estimated by reasoning; evals correct it."""

    across: Literal["any", "most"] = "any"

    conditional: bool = False
    """Whether it is only asked under a condition (of a column that moved, whether it kept its shape): that the test
    answers None is then no gap."""

    nats: Callable[[Figures], float | None] | None = None
    """For signs whose evidence has a strength: ln of how much likelier the figures are when the sign holds than when it
    does not. None for a sign that is simply seen or not."""


@dataclass(frozen=True)
class Reading:
    """What the evidence says about a sign. `holds` None: it could not be told, and `reason` says why."""

    holds: bool | None
    text: str
    evidence_ids: tuple[str, ...]
    reason: str | None = None
    nats: float = math.inf
    """How strongly the evidence says that the sign holds; infinite (or minus infinite) when there is no doubt."""


def read(sign: Sign, case: Case) -> Reading | None:
    """The reading of `sign`; None when its tool was not asked at all."""
    asked = case.of_tool(sign.tool)
    if not asked:
        return None
    told = [(e, sign.test(e.observation.figures)) for e in asked if e.observation.status != "error"]
    known = [(e, answer) for e, answer in told if answer is not None]
    if not known:
        return Reading(None, "", tuple(e.id for e in asked), reason=None if sign.conditional else _gap(asked[-1]))
    agreeing = [e for e, answer in known if answer]
    holds = bool(agreeing) if sign.across == "any" else len(agreeing) * 2 > len(known)
    cited = [e for e, answer in known if answer == holds]
    values = {"agreeing": len(agreeing), "known": len(known), **cited[0].arguments, **cited[0].observation.figures}
    text = say(sign.holds if holds else sign.fails, values)
    return Reading(holds, text, tuple(e.id for e in cited), nats=_nats(sign, holds, cited))


def _gap(evidence: Evidence) -> str:
    """What could not be told, in one short line; the query and its window stay in the evidence."""
    about = next((str(evidence.arguments[a]) for a in _ABOUT if evidence.arguments.get(a)), "")
    what = f"{evidence.tool.replace('_', ' ')} of {about.rsplit(':', 1)[-1]}" if about else evidence.tool
    if evidence.observation.status == "no_data":
        return _PLAIN.sub(r"\1", evidence.observation.summary)
    if evidence.observation.status == "error":
        return f"{what}: {evidence.observation.summary}"
    return f"{what}: too little to tell"


def _nats(sign: Sign, holds: bool, cited: Sequence[Evidence]) -> float:
    """The strength of the strongest of the cited pieces."""
    doubtless = math.inf if holds else -math.inf
    if sign.nats is None:
        return doubtless
    told = [nats for e in cited if (nats := sign.nats(e.observation.figures)) is not None]
    return max(told, key=abs, default=doubtless)


def number(figures: Figures, name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def flag(name: str) -> Callable[[Figures], bool | None]:
    """The figure itself, when it is true or false."""

    def test(figures: Figures) -> bool | None:
        value = figures.get(name)
        return value if isinstance(value, bool) else None

    return test


def between(name: str, low: float, high: float, *, absent: bool | None = None) -> Callable[[Figures], bool | None]:
    """Whether a number lies in [low, high]; `absent` when the figure is there but none (nothing happened)."""

    def test(figures: Figures) -> bool | None:
        if name not in figures:
            return None
        value = number(figures, name)
        return absent if value is None else low <= value <= high

    return test
