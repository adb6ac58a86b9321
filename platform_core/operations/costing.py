"""What usage costs: measured quantities at declared prices, and what was billed, under the names of FOCUS 1.1.

FOCUS (https://focus.finops.org) is the FinOps Foundation's open specification of billing data. Two kinds of rows:
what a bill says (`usage_daily`, one row per endpoint and day), and what we counted at prices of our own
(`usage_hourly`), for sharing a platform's cost among who used it. Columns of what neither knows (SKUs, commitments)
are left out; they may be null in FOCUS, and here would always be.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import IO, Any, Literal

from foundation.canonical import canonical_bytes
from foundation.frozen import Frozen
from platform_core.operations.timeline import UsageRecord
from platform_core.operations.usage import UNITS, UsageHour, UsageUnit
from platform_core.urn import parse_urn

Grouping = Literal["tenant", "endpoint", "view", "model"]
_KIND: dict[Grouping, str] = {"endpoint": "endpoint", "view": "feature_view", "model": "model"}
SHARED = "(shared)"
PROVIDER = "Vigía"


class Charge(Frozen):
    """One row. `source`: whether it was `billed`, or `measured` and priced by us."""

    start: datetime
    end: datetime
    subject: str
    tenant: str | None
    unit: UsageUnit
    quantity: float
    unit_price: float
    cost: float
    source: Literal["billed", "measured"]

    @property
    def kind(self) -> str:
        return parse_urn(self.subject)[0]

    @property
    def name(self) -> str:
        return parse_urn(self.subject)[1]


class UsageTotal(Frozen):
    """What one tenant, endpoint, view or model used and cost within the time that was asked for."""

    name: str
    tenant: str | None = None
    quantities: dict[str, float]
    cost: float


def charges(
    hours: Iterable[UsageHour], days: Iterable[UsageRecord], prices: Mapping[UsageUnit, float]
) -> Iterator[Charge]:
    """`prices`: in the billing currency, for one of the unit."""
    for hour in hours:
        price = prices.get(hour.unit, 0.0)
        yield Charge(
            start=hour.hour,
            end=hour.hour + timedelta(hours=1),
            subject=hour.subject,
            tenant=hour.tenant,
            unit=hour.unit,
            quantity=hour.quantity,
            unit_price=price,
            cost=hour.quantity * price,
            source="measured",
        )
    for day in days:
        start, quantity = datetime.combine(day.day, time(), UTC), day.replicas * 24
        yield Charge(
            start=start,
            end=start + timedelta(days=1),
            subject=day.resource_id,
            tenant=day.tenant,
            unit="replica_hours",
            quantity=quantity,
            unit_price=day.billed_cost / quantity if quantity else 0.0,
            cost=day.billed_cost,
            source="billed",
        )


def totals(rows: Iterable[Charge], by: Grouping) -> list[UsageTotal]:
    """The dearest first, then by name. By tenant everything counts once: what is charged to an endpoint and to its
    model is the same use, so that models do not count again."""
    quantities: dict[tuple[str, str | None], dict[str, float]] = {}
    costs: dict[tuple[str, str | None], float] = {}
    for row in rows:
        if by == "tenant":
            if row.kind == "model" and row.unit == "predictions":
                continue
            key = row.tenant or SHARED, row.tenant
        elif row.kind == _KIND[by]:
            key = row.name, row.tenant
        else:
            continue
        mine = quantities.setdefault(key, {})
        mine[row.unit] = mine.get(row.unit, 0.0) + row.quantity
        costs[key] = costs.get(key, 0.0) + row.cost
    found = [
        UsageTotal(name=key[0], tenant=key[1], quantities=quantities[key], cost=round(costs[key], 6))
        for key in quantities
    ]
    return sorted(found, key=lambda total: (-total.cost, total.name, total.tenant or ""))


FOCUS_COLUMNS: tuple[str, ...] = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodStart",
    "BillingPeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodStart",
    "ChargePeriodEnd", "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost", "InvoiceIssuerName",
    "ListCost", "ListUnitPrice", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "ResourceId",
    "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SubAccountId", "SubAccountName", "Tags",
)  # fmt: skip


def focus_row(charge: Charge, *, currency: str, account: str, environment: str) -> dict[str, Any]:
    """`charge` by FOCUS' column names. Only what was billed has a BilledCost: what we priced is on nobody's invoice."""
    start = charge.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    billed = charge.source == "billed"
    return {
        "BilledCost": charge.cost if billed else 0.0,
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingCurrency": currency,
        "BillingPeriodStart": _written(start),
        "BillingPeriodEnd": _written((start + timedelta(days=32)).replace(day=1)),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": f"{UNITS[charge.unit]}: {charge.name}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _written(charge.start),
        "ChargePeriodEnd": _written(charge.end),
        "ConsumedQuantity": charge.quantity,
        "ConsumedUnit": charge.unit,
        "ContractedCost": charge.cost,
        "EffectiveCost": charge.cost,
        "InvoiceIssuerName": PROVIDER,
        "ListCost": charge.cost,
        "ListUnitPrice": charge.unit_price,
        "PricingQuantity": charge.quantity,
        "PricingUnit": charge.unit,
        "ProviderName": PROVIDER,
        "PublisherName": PROVIDER,
        "ResourceId": charge.subject,
        "ResourceName": charge.name,
        "ResourceType": charge.kind,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "feature store" if charge.kind == "feature_view" else "inference",
        "SubAccountId": charge.tenant,
        "SubAccountName": charge.tenant,
        "Tags": canonical_bytes({"environment": environment, "source": charge.source}).decode(),
    }


def write_focus(file: IO[str], rows: Iterable[Charge], *, currency: str, account: str, environment: str) -> int:
    """As CSV, and how many rows it has."""
    writer = csv.DictWriter(file, FOCUS_COLUMNS, lineterminator="\n")
    writer.writeheader()
    count = 0
    for charge in rows:
        writer.writerow(focus_row(charge, currency=currency, account=account, environment=environment))
        count += 1
    return count


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
