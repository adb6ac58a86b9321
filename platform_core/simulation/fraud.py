"""How fraud happens: episodes that leave traces in the features, not labels sprinkled over payments.

- `velocity`: a stolen card is used again and again within half an hour, from a device that is not its owner's.
- `device_farm`: one device works through a list of cards over a few hours.
- `big_ticket`: a merchant of a risky category is visited with many cards for amounts far over its usual ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platform_core.simulation.population import Floats, Ints, Population

FRAUD_RATE = 0.015
"""Share of all payments."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """`share` of all fraudulent payments; events per episode in [low, high]; spread over about `hours`."""

    name: str
    share: float
    low: int
    high: int
    hours: float

    @property
    def mean_size(self) -> float:
        return (self.low + self.high) / 2


PATTERNS: tuple[Pattern, ...] = (
    Pattern("velocity", 0.36, 5, 8, 0.55),
    Pattern("device_farm", 0.32, 8, 14, 7.0),
    Pattern("big_ticket", 0.32, 6, 12, 10.0),
)


@dataclass(frozen=True, slots=True)
class FraudEvents:
    """Columns of fraudulent payments, sorted by time. `multiple` multiplies the usual amount at that merchant."""

    time: Floats
    card: Ints
    device: Ints
    merchant: Ints
    multiple: Floats

    def select(self, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> FraudEvents:
        return FraudEvents(
            self.time[mask], self.card[mask], self.device[mask], self.merchant[mask], self.multiple[mask]
        )


def no_events() -> FraudEvents:
    none = np.empty(0, dtype=np.int64)
    return FraudEvents(np.empty(0), none, none, none, np.empty(0))


def concatenated(parts: list[FraudEvents]) -> FraudEvents:
    time = np.concatenate([p.time for p in parts])
    order = np.argsort(time, kind="stable")
    return FraudEvents(
        time[order],
        np.concatenate([p.card for p in parts])[order],
        np.concatenate([p.device for p in parts])[order],
        np.concatenate([p.merchant for p in parts])[order],
        np.concatenate([p.multiple for p in parts])[order],
    )


def episodes(pattern: Pattern, population: Population, starts: Floats, rng: np.random.Generator) -> FraudEvents:
    """One episode of `pattern` per element of `starts` (Unix seconds), with all of its events."""
    n = len(starts)
    if n == 0:
        return no_events()
    sizes = rng.integers(pattern.low, pattern.high + 1, n)
    episode = np.repeat(np.arange(n), sizes)
    total = len(episode)
    offsets = rng.uniform(0, pattern.hours * 3600, total)
    offsets[np.concatenate([[0], np.cumsum(sizes)[:-1]])] = 0.0  # an episode begins with its first payment
    cards = rng.choice(len(population.cards), total, p=population.card_weights)
    device = rng.choice(population.fraud_devices, n)[episode]
    merchant = rng.choice(len(population.merchants), total, p=population.fraud_merchant_weights)
    multiple = rng.lognormal(0.55, 0.45, total)
    if pattern.name == "velocity":
        cards = rng.choice(len(population.cards), n)[episode]
        multiple = rng.lognormal(0.7, 0.45, total)
    elif pattern.name == "big_ticket":
        merchant = rng.choice(len(population.merchants), n, p=population.fraud_merchant_weights)[episode]
        multiple = rng.lognormal(1.9, 0.40, total)
        device = rng.choice(population.fraud_devices, total)
    return concatenated([FraudEvents(starts[episode] + offsets, cards, device, merchant, multiple)])
