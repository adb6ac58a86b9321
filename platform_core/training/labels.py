"""What became of payments, one label each: what was corrected later is what counts."""

from __future__ import annotations

import logging
from datetime import datetime

import polars as pl

from foundation.errors import InvalidInput
from platform_core.features.offline.port import OfflineStore
from platform_core.training.plan import Label

LABEL = "is_fraud"
_TIME = "event_ts"
_log = logging.getLogger(__name__)


def read_labels(offline: OfflineStore, tenant: str, start: datetime, label: Label) -> pl.DataFrame:
    """Columns `label.key` and is_fraud (1.0 or 0.0), of labels with start <= event_ts; of several for one payment the
    newest by event_ts, and of those at one moment fraud. Nulls say nothing and are left out, which is logged.

    Raises NotFound for a tenant without labels, InvalidInput for one that is neither 0 nor 1.
    """
    table = label.table.replace("{tenant}", tenant)
    read = offline.read(table, start=start, columns=list(dict.fromkeys([label.key, _TIME, label.column])))
    try:
        said = pl.DataFrame(read).select(
            pl.col(label.key), pl.col(_TIME), pl.col(label.column).cast(pl.Float64).fill_nan(None).alias(LABEL)
        )
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(f"labels of {table!r} are no numbers: {error}", hint=_HINT) from error
    known = said.drop_nulls(LABEL)
    if len(known) < len(said):
        _log.warning("%d of %d labels of %s are null and left out", len(said) - len(known), len(said), table)
    other = known.filter(~pl.col(LABEL).is_in([0.0, 1.0]))
    if len(other):
        key, value = other[label.key][0], other[LABEL][0]
        raise InvalidInput(f"{len(other)} labels of {table!r} are no labels: {value:g} for {key!r}", hint=_HINT)
    return known.sort(_TIME, LABEL).unique(label.key, keep="last", maintain_order=True).drop(_TIME)


_HINT = "a label is 1 for fraud and 0 for genuine"
