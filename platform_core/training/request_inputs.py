"""The request-time inputs of the fraud model, defined once for training and for whoever asks for a score.

Defined here, next to training, because a second definition at the checkout is where training-serving skew begins.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc


def request_inputs(*, amount: float, event_ts: datetime, channel: str) -> dict[str, float]:
    """What to send with a prediction request: the amount in major units, the hour of day in UTC, online or not."""
    return {
        "amount": float(amount),
        "hour": float(event_ts.astimezone(UTC).hour),
        "is_online": 1.0 if channel == "online" else 0.0,
    }


def request_columns(payments: pa.Table) -> dict[str, pa.ChunkedArray]:
    """The same for a table of payments with columns amount, event_ts (timestamp UTC) and channel, as float64."""
    return {
        "amount": payments["amount"].cast(pa.float64()),
        "hour": pc.call_function("hour", [payments["event_ts"]]).cast(pa.float64()),
        "is_online": pc.call_function("equal", [payments["channel"], pa.scalar("online")]).cast(pa.float64()),
    }
