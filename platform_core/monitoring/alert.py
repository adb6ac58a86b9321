"""The normalised alert."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from foundation.frozen import Frozen

AlertKind = Literal[
    "freshness",  # a view's newest value is older than its SLA
    "volume",  # a source delivers far fewer or more rows than usual
    "nulls",  # a column's null rate is over what its owner promises
    "drift",  # a column's distribution moved
    "job_failure",  # a job fails again and again
    "score_shift",  # an endpoint's scores or decisions moved
    "latency",  # an endpoint's tail latency is over its SLA
    "errors",  # an endpoint answers with errors
    "quality",  # values out of range, repeated, of another type, with a wrong clock
    "parity",  # online values are not what the events say
    "cost",  # money is spent on what is hardly used
    "other",
]
Severity = Literal["info", "warning", "critical"]


class Alert(Frozen):
    """One alert of one source. (source, fingerprint, starts_at) identifies it: a repeat is the same alert.

    `subject` is the URN of what it is about; `value` and `threshold` are in the unit that `kind` implies: seconds for
    freshness, a rate 0..1 for nulls, PSI for drift, a share for parity, milliseconds for latency, USD a month for cost.
    """

    source: str
    fingerprint: str
    starts_at: datetime
    status: Literal["firing", "resolved"] = "firing"
    kind: AlertKind
    subject: str
    tenant: str | None = None
    severity: Severity = "warning"
    summary: str = Field(max_length=2000)
    value: float | None = None
    threshold: float | None = None
    labels: dict[str, str] = Field(default_factory=dict)
