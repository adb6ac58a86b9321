"""A source's table is not what the catalog says: columns are gone, of another type, or new."""

from __future__ import annotations

import pyarrow as pa

from foundation.errors import NotFound
from platform_core.features.offline.arrow import plain_type
from platform_core.features.values import ARROW_TYPES
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.view import PlatformView


class SchemaMonitor(Monitor):
    """`schema-<source>`; threshold: how many differences are tolerated, mostly 0. Columns that the catalog does not
    know do not count by themselves: they are told beside one that is gone, as a rename looks like that."""

    prefix = "schema"
    watched = "source"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        source, now = view.catalog.source(watch.parts[0]), view.clock.now()
        try:
            stored = view.offline.schema(source.table)
        except (NotFound, KeyError):
            return None
        problems: list[str] = []
        for column in source.columns:
            if column.name not in stored.names:
                problems.append(f"{column.name} is gone")
            elif not _fits(plain_type(stored.field(column.name).type), ARROW_TYPES[column.dtype]):
                problems.append(f"{column.name} is {stored.field(column.name).type}, promised {column.dtype}")
        self.readings[watch.name] = float(len(problems))
        if len(problems) <= watch.spec.threshold:
            return None
        known = {c.name for c in source.columns}
        new = ", ".join(n for n in stored.names if n not in known) or "none"
        return alert(
            watch,
            "quality",
            now=now,
            value=float(len(problems)),
            severity="critical",
            summary=f"{source.name}: {len(problems)} of {len(source.columns)} columns are not as promised now: "
            f"{'; '.join(problems)}; columns not in the catalog: {new}"[:2000],
        )


def _fits(stored: pa.DataType, promised: pa.DataType) -> bool:
    """Whole numbers do for numbers, of any width."""
    if pa.types.is_floating(promised):
        return pa.types.is_floating(stored) or pa.types.is_integer(stored)
    if pa.types.is_integer(promised):
        return pa.types.is_integer(stored)
    return stored.equals(promised)
