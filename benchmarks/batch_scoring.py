"""Scores of a whole Parquet file against the model's own bulk predict on the same rows in memory, side by side.

Both use the same threads and their scores are checked equal first. Ours also reads, decodes, writes and flushes. Peak
memory is that of a child that only does the batch. Prints one line of JSON: the share of bulk predict's throughput
that is reached, and the memory beyond what the imports take.

    python -m benchmarks.batch_scoring [--rows 1000000]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.serving_world import COLUMNS, FEATURES, model_text, signature
from platform_core.serving.batch import score_batch
from platform_core.training.scoring import LoadedModel
from platform_core.training.trees import TreeModel
from platform_core.training.types import ModelVersion

THREADS = 2
ROW_GROUP = 250_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = min(parser.parse_args().rows, 20_000_000)
    model = loaded_model()
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "rows.parquet"
        _write(source, rows)
        small = np.column_stack([c.to_numpy() for c in pq.ParquetFile(source).read_row_group(0).columns])
        bulk = np.asarray(model.booster.predict(small, num_threads=THREADS))
        memory, seconds = _in_a_child(source, Path(directory) / "out")
        ours = pq.read_table(Path(directory) / "out" / "part-00000-00000.parquet", columns=["score"])["score"]
        if not np.array_equal(ours.to_numpy(), bulk):
            raise RuntimeError("the scores differ")
        started = time.perf_counter()
        for _ in range(rounds := max(1, rows // len(small))):
            model.booster.predict(small, num_threads=THREADS)
        of_bulk = (time.perf_counter() - started) / rounds / len(small)
    result = {
        "benchmark": "batch_scoring",
        "rows": rows,
        "share_of_bulk_throughput": round(of_bulk / (seconds / rows), 3),
        "memory_mb": round(memory / 1e6),
        "rows_per_s": round(rows / seconds),
    }
    print(json.dumps(result))


def _in_a_child(source: Path, out: Path) -> tuple[int, float]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=_batch, args=(source, out, theirs))
    child.start()
    theirs.close()
    answer: tuple[int, float] = ours.recv()
    child.join()
    return answer


def _batch(source: Path, out: Path, pipe: Connection) -> None:
    model = loaded_model()
    model.booster.predict(np.zeros((1, COLUMNS)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    score_batch(model, source, out, threads=THREADS)
    seconds = time.perf_counter() - started
    pipe.send(((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, seconds))


def loaded_model() -> LoadedModel:
    version = ModelVersion(
        name="benchmark",
        version="1",
        stage="dev",
        signature=signature(stored=False),
        files={},
        created_at=datetime(2026, 11, 19, tzinfo=UTC),
        created_by="benchmark",
    )
    return LoadedModel(version, TreeModel.from_text(model_text()))


def _write(path: Path, rows: int) -> None:
    rng = np.random.default_rng(11)
    schema = pa.schema([(name, pa.float64()) for name in FEATURES])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, ROW_GROUP):
            size = min(ROW_GROUP, rows - start)
            columns = [pa.array(rng.normal(size=size)) for _ in range(COLUMNS)]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)


if __name__ == "__main__":
    main()
