"""Our side of the point-in-time benchmark, in a process of its own: one command a line on stdin, one JSON line back.

    python -m benchmarks.point_in_time_ours DIRECTORY TTL_HOURS

`event` and `created` make the join, `scan` reads the same columns and does nothing with them, `write` makes the join
and writes `ours.parquet`, `peak` tells the greatest memory so far.
"""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.point_in_time_data import FEATURES, TENANT, VIEWS, catalog, references
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.delta import DeltaOfflineStore


def peak() -> int:
    """Bytes. Not `ru_maxrss`: a child starts with its parent's."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def main() -> None:
    directory, ttl = Path(sys.argv[1]), timedelta(hours=float(sys.argv[2]))
    store, specs, asked = DeltaOfflineStore(directory / "delta"), catalog(ttl), references()
    entity_rows = pq.read_table(directory / "entities.parquet")

    def join(as_of: str) -> pa.Table:
        return get_historical_features(store, specs, asked, entity_rows, as_of=as_of, tenant=TENANT)  # pyright: ignore[reportArgumentType]

    def scan() -> int:
        columns = ["tenant", "key", "event_ts", "created_ts", *FEATURES]
        found = 0
        for view in VIEWS:
            paths = [str(p) for p in (directory / "delta" / f"features_{view}").rglob("*.parquet")]
            found += sum(len(batch) for batch in ds.dataset(paths).to_batches(columns=columns))
        return found

    for line in sys.stdin:
        command, start = line.strip(), time.perf_counter()
        match command:
            case "event" | "created":
                join(command)
            case "scan":
                scan()
            case "write":
                pq.write_table(join("event"), directory / "ours.parquet")
            case _:
                print(json.dumps({"peak": peak()}), flush=True)
                continue
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
