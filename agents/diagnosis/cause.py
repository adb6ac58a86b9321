"""What a cause declares: how it looks, what it needs from the evidence, and what would mend it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.diagnosis.case import Case
from agents.diagnosis.sign import Sign
from platform_core.monitoring.alert import AlertKind

Facts = dict[str, Any]


@dataclass(frozen=True)
class Indicator:
    """A sign, and how often it is seen when the cause is at work (`seen`, 0..1).

    Its weight of evidence in nats is ln(seen / base) when the sign holds and ln((1 - seen) / (1 - base)) when it does
    not (I. J. Good, Probability and the Weighing of Evidence, 1950); `base` is the sign's, the same for every cause,
    so that summing weights over causes is Bayes' rule with signs taken as independent.
    """

    sign: Sign
    seen: float

    def weight(self, nats: float) -> float:
        """The weight when the figures are e^nats times likelier with the sign than without: between the two above, and
        none at 0 (virtual evidence; J. Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, section 2.2.2)."""
        if nats > 0:
            doubt = math.exp(-nats)
            return math.log((self.seen + (1 - self.seen) * doubt) / (self.sign.base + (1 - self.sign.base) * doubt))
        odds = math.exp(nats)
        return math.log((self.seen * odds + 1 - self.seen) / (self.sign.base * odds + 1 - self.sign.base))

    @property
    def when_seen(self) -> float:
        return self.weight(math.inf)

    @property
    def when_absent(self) -> float:
        return self.weight(-math.inf)


@dataclass(frozen=True)
class ActionCall:
    """The act tool that would mend it. Arguments come from facts that probes checked against the catalog."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """`title` is a template over the facts. `pages` are the alert kinds it raises; `prior` its relative frequency."""

    id: str
    title: str
    pages: frozenset[AlertKind]
    indicators: tuple[Indicator, ...]
    facts: Callable[[Case], Facts]
    action: Callable[[Mapping[str, Any]], ActionCall | None]
    look_next: str
    """What a person would look at to settle it."""

    requires: Sign | None = None
    """A sign without which it cannot be this, however well the rest fits: known not to hold, it vetoes the cause."""

    verdict: Literal["cause", "no_fault"] = "cause"
    prior: float = 1.0


def no_action(_facts: Mapping[str, Any]) -> ActionCall | None:
    """For causes that nothing on this platform's control plane would mend."""
    return None


def known(facts: Mapping[str, Any], *names: str) -> bool:
    """Whether all these facts are there."""
    return all(facts.get(name) is not None for name in names)
