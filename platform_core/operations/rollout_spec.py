"""What an endpoint is asked to serve, and how a new version comes to its traffic.

The state of a rollout is read off the spec (`platform_core.serving.rollouts.states`): there is no second record that
could disagree with what the workers do.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from foundation.frozen import Frozen
from platform_core.operations.serving_policy import ServingPolicy

RolloutStrategy = Literal["canary", "shadow", "champion_challenger", "blue_green"]
"""`canary`: a share of the entities is answered by the candidate. `shadow`: nobody is, it scores beside the champion.
`champion_challenger`: as canary, and what the champion answers the challenger scores beside it, so that every request
compares both. `blue_green`: the candidate is loaded and scores beside the champion until all traffic goes to it at
once; the champion stays loaded for the way back."""

MOST_OF_A_CANARY = 50
"""Percent: a version that answers more than half is no trial any more; it is promoted."""

GuardMetric = Literal["latency", "errors", "score", "decline_rate", "declined_amount"]


class RolloutGuard(Frozen):
    """How much worse than the champion the candidate may be, for certain, before the rollout is halted.

    - `latency`: share of answers over `threshold` ms; `limit` is the share that it may have more.
    - `errors`: share of requests that ended in an error after the version was chosen.
    - `score`: largest distance between the two score distributions (Kolmogorov-Smirnov), 0..1.
    - `decline_rate`: share declined, either way: letting more through is as bad as declining more.
    - `declined_amount`: declined amount per request, each counted up to `threshold`; `limit` in the same unit.
    """

    metric: GuardMetric
    limit: float = Field(gt=0)
    threshold: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _declares_what_it_needs(self) -> Self:
        if (self.metric in ("latency", "declined_amount")) != (self.threshold is not None):
            needs = "needs a" if self.threshold is None else "has no"
            raise ValueError(f"a guard on {self.metric} {needs} threshold")
        if self.metric != "declined_amount" and self.limit >= 1:
            raise ValueError(f"a guard on {self.metric} is a share below 1, not {self.limit:g}")
        return self


class RolloutSpec(Frozen):
    """urn:vigia:endpoint:<name>: which model versions it serves, to what share of traffic, on how many replicas."""

    kind: Literal["endpoint"] = "endpoint"
    model: str
    champion: str
    canary: str | None = None
    """The candidate of whatever strategy: canary, shadow, challenger or green."""

    canary_percent: int = Field(default=0, ge=0, le=100)
    strategy: RolloutStrategy = "canary"
    shadows: tuple[str, ...] = Field(default=(), max_length=4)
    """Further versions that score beside what is answered, whatever is rolled out."""

    guards: tuple[RolloutGuard, ...] = ()
    """What a rollout is halted by. None: nobody watches it but the monitors."""

    guard_alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """How likely a rollout of an equally good version may be halted at all, however often one looks."""

    halted: str | None = None
    """The candidate that was halted here: it answers nobody until somebody sets this back, whatever its percent."""

    previous_champion: str | None = None
    """What was champion before the last promotion: the way back from it. Kept loaded."""

    feature_service: str
    decline_threshold: float = Field(default=0.5, ge=0, le=1)
    prediction_log_share: float = Field(default=1.0, gt=0, le=1)
    """Share of the requests that the prediction log keeps, chosen by request id; 1 keeps all."""

    replicas: int = Field(default=2, ge=0, le=64)
    hourly_cost_per_replica_usd: float = Field(default=0.2, ge=0)
    serving: ServingPolicy = ServingPolicy()
    """What it promises while features are late: budget, fallback, bounds."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.strategy == "shadow" and self.canary_percent:
            raise ValueError(f"a shadow answers nobody, not {self.canary_percent} % of the requests")
        if self.strategy == "blue_green" and self.canary_percent not in (0, 100):
            raise ValueError(f"blue/green switches all traffic at once, not {self.canary_percent} %")
        return self

    @property
    def live_percent(self) -> int:
        """The share of entities that the candidate answers: 0 when there is none or it was halted."""
        return 0 if self.canary is None or self.canary == self.halted else self.canary_percent

    @property
    def shadow_versions(self) -> tuple[str, ...]:
        """Versions that score beside what is answered; the one that answers a request does not score it twice. Where
        both are compared on every request, the champion scores what the candidate answers, too."""
        candidate = None if self.canary == self.halted else self.canary
        if candidate is None or self.strategy == "canary":
            return self.shadows
        compared = (candidate,) if self.strategy == "shadow" else (self.champion, candidate)
        return tuple(dict.fromkeys((*compared, *self.shadows)))

    @property
    def versions(self) -> tuple[str, ...]:
        """All that a worker keeps in memory, the champion first."""
        ways = (self.champion, self.canary, self.previous_champion, *self.shadows)
        return tuple(dict.fromkeys(v for v in ways if v is not None))
