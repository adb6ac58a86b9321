"""The payments company: one process per country that emits payments, in history and live alike.

The same `emit` makes fourteen days in one vectorised call and the next minute in another; what a fraud episode still
has to come is carried from call to call. So there is no seam between history and live traffic, and everything is
determined by the seed and by the intervals asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platform_core.simulation.countries import COUNTRIES, Country
from platform_core.simulation.fraud import FRAUD_RATE, PATTERNS, FraudEvents, concatenated, episodes, no_events
from platform_core.simulation.population import CATEGORIES, Floats, Ints, draw_population
from platform_core.simulation.seasonality import PAYMENTS_PER_SECOND, Arrivals

TIMESTAMP = pa.timestamp("us", tz="UTC")

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
        self._pending: FraudEvents = no_events()
        self._emitted = 0

    def emit(self, start: datetime, end: datetime) -> PaymentBatch:
        """Everything that was paid in [start, end). Call with consecutive intervals."""
        campaign = self.campaign if self.campaign is not None and self.campaign.since <= start else None
        traffic = campaign.traffic if campaign else 1.0
        per_second = PAYMENTS_PER_SECOND * self.country.share * traffic
        arrivals = Arrivals(start, end, utc_offset_hours=self.country.utc_offset_hours, per_second=per_second)
        genuine = self._genuine(arrivals, campaign)
        fraud = self._fraud(arrivals, traffic, end.timestamp())
        time = np.concatenate([genuine.time, fraud.time])
        order = np.argsort(time, kind="stable")
        is_fraud = np.concatenate([np.zeros(len(genuine.time), np.int64), np.ones(len(fraud.time), np.int64)])[order]
        events = FraudEvents(
            time[order],
            np.concatenate([genuine.card, fraud.card])[order],
            np.concatenate([genuine.device, fraud.device])[order],
            np.concatenate([genuine.merchant, fraud.merchant])[order],
            np.concatenate([genuine.multiple, fraud.multiple])[order],
        )
        return PaymentBatch(self.country.tenant, self._table(events, is_fraud == 1, campaign), is_fraud)

    def _genuine(self, arrivals: Arrivals, campaign: Campaign | None) -> FraudEvents:
        people, rng = self.population, self._rng
        count = int(rng.poisson(arrivals.expected * (1 - FRAUD_RATE)))
        weights = people.campaign_weights if campaign else people.merchant_weights
        card = _draw(rng, people.card_weights, count)
        device = people.card_device[card]
        return FraudEvents(arrivals.times(rng, count), card, device, _draw(rng, weights, count), np.full(count, 1.0))

    def _fraud(self, arrivals: Arrivals, traffic: float, until: float) -> FraudEvents:
        """Episodes that begin in the interval, and what is due of those before. A sale brings no more fraudsters."""
        parts = [self._pending]
        for pattern in PATTERNS:
            expected = arrivals.expected / traffic * FRAUD_RATE * pattern.share / pattern.mean_size
            starts = arrivals.times(self._rng, int(self._rng.poisson(expected)))
            parts.append(episodes(pattern, self.population, starts, self._rng))
        events = concatenated(parts)
        due = events.time < until
        self._pending = events.select(~due)
        return events.select(due)

    def _table(self, events: FraudEvents, is_fraud: np.ndarray, campaign: Campaign | None) -> pa.Table:
        people, rng = self.population, self._rng
        count = len(events.time)
        category = people.merchant_category[events.merchant]
        customer = people.card_customer[events.card]
        sigma = _SIGMAS[category] * (campaign.widening if campaign else 1.0)
        log_amount = _MEDIANS[category] + rng.normal(0.0, 1.0, count) * np.where(is_fraud, 0.25, sigma)
        level = people.merchant_level[events.merchant] * people.customer_spend[customer] * events.multiple
        level *= self.country.amount_scale * (campaign.amount if campaign else 1.0)
        amount = np.maximum(np.round(np.exp(log_amount) * level, 2), 0.01)
        online = (rng.random(count) < _ONLINE[category]) | is_fraud
        first = self._emitted
        self._emitted += count
        ids = pc.cast(pa.array(np.arange(first, first + count)), pa.string())
        return pa.table(
            {
                "event_id": pc.binary_join_element_wise(
                    pa.scalar(f"{self.country.tenant}-pay"), pc.utf8_lpad(ids, 9, "0"), "-"
                ),
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
