"""Who pays whom: the merchants, customers, cards and devices of one country, drawn once from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from platform_core.simulation.countries import Country
from platform_core.simulation.events import Floats, Ints


@dataclass(frozen=True, slots=True)
class Category:
    """`median` amount in US dollars, `sigma` of its logarithm, share of merchants and of payments made online.

    `seasonal` categories sell only while a campaign runs. `risk` weighs how fraudsters choose.
    """

    name: str
    median: float
    sigma: float
    merchants: float
    online: float
    risk: float = 0.0
    seasonal: bool = False


CATEGORIES: tuple[Category, ...] = (
    Category("groceries", 14.0, 0.60, 0.26, 0.08),
    Category("restaurants", 9.0, 0.50, 0.20, 0.15),
    Category("transport", 5.0, 0.45, 0.10, 0.60),
    Category("pharmacy", 11.0, 0.55, 0.10, 0.10),
    Category("fashion", 28.0, 0.65, 0.12, 0.45, risk=0.5),
    Category("utilities", 24.0, 0.45, 0.06, 0.90),
    Category("electronics", 70.0, 0.75, 0.06, 0.55, risk=3.0),
    Category("digital_goods", 12.0, 0.70, 0.06, 1.00, risk=2.5),
    Category("travel", 95.0, 0.80, 0.04, 0.80, risk=1.5),
    Category("appliances", 45.0, 0.65, 0.05, 0.70, seasonal=True),
    Category("toys", 32.0, 0.60, 0.05, 0.60, seasonal=True),
)

CARDS_PER_SHARE = 22_500
MERCHANTS_PER_SHARE = 1_200
FRAUD_DEVICES_PER_SHARE = 900


@dataclass(frozen=True)
class Population:
    """Index arrays into the name arrays. Weights are activity: heavy-tailed, summing to 1."""

    country: Country
    cards: pa.Array
    customers: pa.Array
    devices: pa.Array
    merchants: pa.Array
    card_customer: Ints
    card_weights: Floats
    card_device: Ints
    """The device a card is usually used from."""

    customer_spend: Floats
    """Multiplies every amount of the customer."""

    merchant_category: Ints
    merchant_weights: Floats
    """Zero for merchants of seasonal categories."""

    campaign_weights: Floats
    """The weights while a campaign runs: seasonal merchants sell too."""

    merchant_level: Floats
    """Multiplies every amount at the merchant."""

    fraud_merchant_weights: Floats
    fraud_devices: Ints
    """Devices no customer owns."""


def draw_population(country: Country, seed: int) -> Population:
    rng = np.random.default_rng([seed, 1, sum(map(ord, country.tenant))])
    n_cards = int(CARDS_PER_SHARE * country.share)
    n_customers = int(n_cards * 0.8)
    n_merchants = int(MERCHANTS_PER_SHARE * country.share)
    n_fraud_devices = int(FRAUD_DEVICES_PER_SHARE * country.share)

    owners = np.concatenate([np.arange(n_customers), rng.integers(0, n_customers, n_cards - n_customers)])
    second_device = rng.random(n_cards) < 0.15
    n_devices = n_customers + int(second_device.sum())
    devices = owners.copy()
    devices[second_device] = np.arange(n_customers, n_devices)

    category = rng.choice(len(CATEGORIES), n_merchants, p=_normalised([c.merchants for c in CATEGORIES]))
    seasonal = np.array([c.seasonal for c in CATEGORIES])[category]
    size = rng.pareto(1.3, n_merchants) + 0.25
    size = np.minimum(size, 40.0)
    risk = np.array([c.risk for c in CATEGORIES])[category]
    prefix = country.tenant
    return Population(
        country=country,
        cards=_names(f"{prefix}-card-", n_cards),
        customers=_names(f"{prefix}-cust-", n_customers),
        devices=_names(f"{prefix}-dev-", n_devices + n_fraud_devices),
        merchants=_names(f"{prefix}-mer-", n_merchants),
        card_customer=owners,
        card_weights=_normalised(np.minimum(rng.lognormal(0.0, 1.15, n_cards), 30.0)),
        card_device=devices,
        customer_spend=rng.lognormal(0.0, 0.30, n_customers),
        merchant_category=category,
        merchant_weights=_normalised(np.where(seasonal, 0.0, size)),
        campaign_weights=_normalised(np.where(seasonal, 9.0, 1.0) * size),
        merchant_level=rng.lognormal(0.0, 0.20, n_merchants),
        fraud_merchant_weights=_normalised(np.where(seasonal, 0.0, risk * np.sqrt(size))),
        fraud_devices=np.arange(n_devices, n_devices + n_fraud_devices),
    )


def _names(prefix: str, count: int) -> pa.Array:
    return pa.array([f"{prefix}{number:06d}" for number in range(count)])


def _normalised(weights: npt.ArrayLike) -> Floats:
    values = np.asarray(weights, dtype=np.float64)
    return values / values.sum()
