"""What an endpoint promises while its features are late or gone: how long an answer may take, and what it says then.

Part of the endpoint's spec, so that it is reviewed, changed and undone as every other knob; the inference server keeps
it (`platform_core.serving`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat, model_validator

from foundation.frozen import Frozen

FallbackKind = Literal["last_known_good", "default_features", "rules"]


class FallbackRule(Frozen):
    """`score` for a request whose input `input` is at least `at_least`."""

    input: str
    at_least: FiniteFloat
    score: float = Field(ge=0, le=1)


class ServingPolicy(Frozen):
    latency_budget_ms: float = Field(default=1000, ge=1, le=60_000)
    """From the request read to the answer sent. What the online store has not said by then is not waited for."""

    fallback: tuple[FallbackKind, ...] = ()
    """What is tried, in this order, when the features did not come in time; without any the answer is 503.

    `last_known_good`: the features that this worker read last for the same entities. `default_features`: those below,
    null for the rest. `rules`: the rules below, without a model.
    """

    last_known_good_seconds: float = Field(default=900, gt=0, le=86_400)
    """How old remembered features may be."""

    default_features: dict[str, FiniteFloat] = Field(default_factory=dict)
    """By `view__feature`: taken for a value that is missing or expired, also while the store answers. A null stays."""

    rules: tuple[FallbackRule, ...] = ()
    """The first that holds gives the score."""

    rules_score: float | None = Field(default=None, ge=0, le=1)
    """The score when no rule holds; without it the next fallback is tried."""

    max_in_flight: int = Field(default=64, ge=1, le=10_000)
    """Requests of this endpoint that one worker has in hand at once; one more is refused with 503 and Retry-After."""

    max_rows: int = Field(default=500, ge=1, le=5_000)
    """Rows in one request."""

    @model_validator(mode="after")
    def _rules_are_there(self) -> ServingPolicy:
        if "rules" in self.fallback and not self.rules and self.rules_score is None:
            raise ValueError("the fallback 'rules' needs rules or rules_score")
        if len(set(self.fallback)) != len(self.fallback):
            raise ValueError("a fallback is tried once: name each one once")
        return self
