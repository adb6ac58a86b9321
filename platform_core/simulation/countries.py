"""The countries the company works in. One country is one tenant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """`share` of all payments; `amount_scale` multiplies the base amounts.

    Payments in Brazil and Mexico settle in local currency, those in Argentina and Colombia in dollars and for larger
    tickets, as processors with foreign merchants commonly see; so one model serves amounts of one order of magnitude.
    """

    tenant: str
    name: str
    currency: str
    utc_offset_hours: int
    share: float
    amount_scale: float
    ingest_version: str
    previous_ingest_version: str


COUNTRIES: tuple[Country, ...] = (
    Country("br", "Brazil", "BRL", -3, 0.40, 3.5, "4.6.2", "4.6.1"),
    Country("ar", "Argentina", "USD", -3, 0.18, 2.2, "5.1.0", "5.0.7"),
    Country("mx", "Mexico", "MXN", -6, 0.30, 7.0, "3.1.4", "3.1.3"),
    Country("co", "Colombia", "USD", -5, 0.12, 2.0, "2.8.3", "2.8.2"),
)

TENANTS: tuple[str, ...] = tuple(country.tenant for country in COUNTRIES)


def country(tenant: str) -> Country:
    return next(c for c in COUNTRIES if c.tenant == tenant)
