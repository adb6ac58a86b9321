"""How fraud happens: episodes that leave traces in the features, not labels sprinkled over payments.

- `velocity`: an account is taken over and its card is charged again and again within the hour, a large amount first;
  the device is mostly the owner's, the merchants are anybody's.
- `device_farm`: one device works through a list of cards over a few hours.
- `big_ticket`: a merchant of a risky category is visited with many cards for amounts far over its usual ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from platform_core.simulation.events import Events, Floats, merged, no_events
from platform_core.simulation.population import Population

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
    Pattern("velocity", 0.60, 4, 6, 0.8),
    Pattern("device_farm", 0.17, 8, 14, 7.0),
    Pattern("big_ticket", 0.23, 6, 12, 10.0),
)


def episodes(pattern: Pattern, people: Population, starts: Floats, rng: np.random.Generator) -> Events:
    """One episode of `pattern` per element of `starts` (Unix seconds), with all of its events."""
    n = len(starts)
    if n == 0:
        return no_events()
    sizes = rng.integers(pattern.low, pattern.high + 1, n)
    episode = np.repeat(np.arange(n), sizes)
    total = len(episode)
    offsets = rng.uniform(0, pattern.hours * 3600, total)
    offsets[np.concatenate([[0], np.cumsum(sizes)[:-1]])] = 0.0  # an episode begins with its first payment
    merchant = rng.choice(len(people.merchants), total, p=people.fraud_merchant_weights)
    if pattern.name == "velocity":
        card = rng.choice(len(people.cards), n, p=people.card_weights)[episode]
        own = rng.random(n)[episode] < 0.85
        device = np.where(own, people.card_device[card], rng.choice(people.fraud_devices, n)[episode])
        first = np.concatenate([[True], episode[1:] != episode[:-1]])
        # one large charge while the card still works, then whatever passes
        multiple = np.where(first, rng.lognormal(2.2, 0.35, total), rng.lognormal(0.1, 0.6, total))
        merchant = np.where(first, merchant, rng.choice(len(people.merchants), total, p=people.merchant_weights))
    elif pattern.name == "device_farm":
        card = rng.choice(len(people.cards), total, p=people.card_weights)
        device = rng.choice(people.fraud_devices, n)[episode]
        multiple = rng.lognormal(0.5, 0.45, total)
    else:
        card = rng.choice(len(people.cards), total, p=people.card_weights)
        device = people.card_device[card]
        merchant = rng.choice(len(people.merchants), n, p=people.fraud_merchant_weights)[episode]
        multiple = rng.lognormal(1.9, 0.40, total)
    fraud = np.ones(total, dtype=np.bool_)
    return merged([Events(starts[episode] + offsets, card, device, merchant, multiple, fraud)])
