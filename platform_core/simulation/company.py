"""The payments company: one process per country that emits payments, in history and live alike.

The same `emit` makes fourteen days in one vectorised call and the next minute in another; what shopping sessions and
fraud episodes still have to come is carried from call to call. So there is no seam between history and live traffic,
and everything is determined by the seed and by the intervals asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from platform_core.simulation.countries import COUNTRIES, Country
from platform_core.simulation.events import Events, Floats, Ints, merged, no_events
from platform_core.simulation.fraud import FRAUD_RATE, PATTERNS, episodes
from platform_core.simulation.population import CATEGORIES, draw_population
from platform_core.simulation.seasonality import PAYMENTS_PER_SECOND, Arrivals

pc: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

TIMESTAMP = pa.timestamp("us", tz="UTC")

FOLLOW_UPS = 0.65
"""Mean number of further payments that a payment is followed by within the hour: errands come together."""

_MEDIANS = np.log(np.array([c.median for c in CATEGORIES]))
_SIGMAS = np.array([c.sigma for c in CATEGORIES])
_ONLINE = np.array([c.online for c in CATEGORIES])
_CATEGORY_NAMES = pa.array([c.name for c in CATEGORIES])
_CHANNELS = pa.array(["pos", "online"])


@dataclass(frozen=True, slots=True)
class PaymentBatch:
    """Payments as the checkout knows them, sorted by event_ts: the columns of a payments table but `ingested_at`."""

    tenant: str
    table: pa.Table
    is_fraud: Ints

    def __len__(self) -> int:
        return self.table.num_rows


@dataclass(frozen=True, slots=True)
class Campaign:
    """A sale that people really buy in: more visits, larger and more varied baskets, seasonal merchants open."""

    since: datetime
    traffic: float = 1.6
    amount: float = 1.7
    widening: float = 1.25


class PaymentProcess:
    """The stream of payments of one country."""

    def __init__(self, country: Country, seed: int) -> None:
        self.country = country
        self.population = draw_population(country, seed)
        self.campaign: Campaign | None = None
        self._rng = np.random.default_rng([seed, 2, sum(map(ord, country.tenant))])
        self._pending: Events = no_events()
        self._emitted = 0

    def emit(self, start: datetime, end: datetime) -> PaymentBatch:
        """Everything that was paid in [start, end). Call with consecutive intervals."""
        campaign = self.campaign if self.campaign is not None and self.campaign.since <= start else None
        arrivals = Arrivals(
            start,
            end,
            utc_offset_hours=self.country.utc_offset_hours,
            per_second=PAYMENTS_PER_SECOND * self.country.share,
        )
        events = merged([self._pending, *self._errands(arrivals, campaign), *self._episodes(arrivals)])
        due = events.time < end.timestamp()
        self._pending = events.select(~due)
        now = events.select(due)
        return PaymentBatch(self.country.tenant, self._table(now, campaign), now.fraud.astype(np.int64))

    def _errands(self, arrivals: Arrivals, campaign: Campaign | None) -> list[Events]:
        """Genuine payments that begin something, and those that follow them within the hour."""
        rng, traffic = self._rng, campaign.traffic if campaign else 1.0
        count = int(rng.poisson(arrivals.expected * traffic * (1 - FRAUD_RATE) / (1 + FOLLOW_UPS)))
        card = _draw(rng, self.population.card_weights, count)
        first = self._genuine(arrivals.times(rng, count), card, campaign)
        follows = np.repeat(np.arange(count), rng.geometric(1 / (1 + FOLLOW_UPS), count) - 1)
        later = first.time[follows] + np.minimum(90 + rng.exponential(500, len(follows)), 3300)
        return [first, self._genuine(later, card[follows], campaign)]

    def _genuine(self, time: Floats, card: Ints, campaign: Campaign | None) -> Events:
        people, count = self.population, len(time)
        weights = people.campaign_weights if campaign else people.merchant_weights
        merchant = _draw(self._rng, weights, count)
        return Events(time, card, people.card_device[card], merchant, np.ones(count), np.zeros(count, dtype=np.bool_))

    def _episodes(self, arrivals: Arrivals) -> list[Events]:
        """Fraud that begins in the interval. A sale brings no more fraudsters."""
        parts: list[Events] = []
        for pattern in PATTERNS:
            expected = arrivals.expected * FRAUD_RATE * pattern.share / pattern.mean_size
            starts = arrivals.times(self._rng, int(self._rng.poisson(expected)))
            parts.append(episodes(pattern, self.population, starts, self._rng))
        return parts

    def _table(self, events: Events, campaign: Campaign | None) -> pa.Table:
        people, rng = self.population, self._rng
        count = len(events)
        category = people.merchant_category[events.merchant]
        customer = people.card_customer[events.card]
        sigma = _SIGMAS[category] * (campaign.widening if campaign else 1.0)
        log_amount = _MEDIANS[category] + rng.normal(0.0, 1.0, count) * np.where(events.fraud, 0.25, sigma)
        level = people.merchant_level[events.merchant] * people.customer_spend[customer] * events.multiple
        level *= self.country.amount_scale * (campaign.amount if campaign else 1.0)
        amount = np.maximum(np.round(np.exp(log_amount) * level, 2), 0.01)
        online = (rng.random(count) < _ONLINE[category]) | (events.fraud & (rng.random(count) < 0.3))
        numbers = pc.cast(pa.array(np.arange(self._emitted, self._emitted + count)), pa.string())
        self._emitted += count
        prefix = pa.scalar(f"{self.country.tenant}-pay")
        return pa.table(
            {
                "event_id": pc.binary_join_element_wise(prefix, pc.utf8_lpad(numbers, 9, "0"), "-"),
                "event_ts": pa.array((events.time * 1e6).astype(np.int64), pa.int64()).cast(TIMESTAMP),
                "card_id": people.cards.take(pa.array(events.card)),
                "customer_id": people.customers.take(pa.array(customer)),
                "device_id": people.devices.take(pa.array(events.device)),
                "merchant_id": people.merchants.take(pa.array(events.merchant)),
                "amount": amount,
                "currency": pa.repeat(self.country.currency, count),
                "merchant_category": _CATEGORY_NAMES.take(pa.array(category)),
                "channel": _CHANNELS.take(pa.array(online.astype(np.int64))),
            }
        )


class Company:
    """All countries."""

    def __init__(self, seed: int) -> None:
        self.processes: dict[str, PaymentProcess] = {c.tenant: PaymentProcess(c, seed) for c in COUNTRIES}

    def emit(self, start: datetime, end: datetime) -> dict[str, PaymentBatch]:
        return {tenant: process.emit(start, end) for tenant, process in self.processes.items()}


def _draw(rng: np.random.Generator, weights: Floats, count: int) -> Ints:
    """`count` indices by weight: inversion, which is several times faster than Generator.choice."""
    cumulative = np.cumsum(weights)
    return np.minimum(np.searchsorted(cumulative, rng.random(count) * cumulative[-1]), len(weights) - 1)
