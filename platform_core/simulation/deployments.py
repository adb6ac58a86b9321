"""What each version of an ingest service does to the payments it publishes.

Which version runs is read from the deployment's resource, so rolling it back mends what is published from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

Behaviour = Callable[[pa.Table], pa.Table]

NULL_SHARE = 0.35


def faithful(rows: pa.Table) -> pa.Table:
    """Publishes what the checkout saw."""
    return rows


def amounts_in_cents(rows: pa.Table) -> pa.Table:
    """Sends minor units: 12.34 becomes 1234."""
    amount = pc.round(pc.multiply(rows["amount"], 100.0))
    return rows.set_column(rows.schema.get_field_index("amount"), "amount", amount)


def device_renamed(rows: pa.Table) -> pa.Table:
    """Calls `device_id` by another name."""
    return rows.rename_columns(["device_fingerprint" if name == "device_id" else name for name in rows.column_names])


def amount_lost(rows: pa.Table) -> pa.Table:
    """Loses `amount` for about a third of the rows, chosen by a hash of the event: a parser that meets a new format."""
    numbers = pc.cast(pc.utf8_slice_codeunits(rows["event_id"], -9), pa.int64()).to_numpy()
    lost = (numbers * np.int64(2654435761)) % 2**32 < NULL_SHARE * 2**32
    amount = pc.if_else(pa.array(lost), pa.scalar(None, pa.float64()), rows["amount"])
    return rows.set_column(rows.schema.get_field_index("amount"), "amount", amount)


BEHAVIOURS: dict[tuple[str, str], Behaviour] = {
    ("ingest-br", "4.7.0"): amounts_in_cents,
    ("ingest-mx", "3.2.0"): device_renamed,
    ("ingest-co", "2.9.0"): amount_lost,
}


def behaviour(service: str, version: str) -> Behaviour:
    """What `version` of `service` does; every other version is faithful."""
    return BEHAVIOURS.get((service, version), faithful)
