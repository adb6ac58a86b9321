"""Scores of a whole data set: Parquet or Delta in, Parquet out, in bounded memory, resumed where it stopped.

The unit of resumption is one row group of the input: its rows are scored in chunks into a file beside the output,
flushed and renamed into place as `part-00000-00000.parquet` (file, row group). A part that is there is whole; a run
that is started again skips it. `batch.json` says what the parts are made of, and a run with anything else is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from foundation.errors import Conflict, InvalidInput, NotFound, Unavailable
from foundation.frozen import Frozen
from platform_core.features.offline.delta_files import current_files
from platform_core.serving.batch_rows import Join, RowScorer
from platform_core.training.scoring import LoadedModel

MANIFEST = "batch.json"

Progress = Callable[[int, int], None]
"""Rows done (those of an earlier run included), rows in all."""


class BatchManifest(Frozen):
    """What the parts of an output directory were made of."""

    model: str
    version: str
    model_digest: str
    source: str
    source_digest: str
    """SHA-256 over the names, sizes and Parquet footers of the input files."""

    decline_threshold: float
    attributions: bool
    joined: bool


class BatchReport(Frozen):
    """What one run did. `rows` is the input's; `resumed` of them had been scored by an earlier run."""

    manifest: BatchManifest
    out: str
    rows: int
    resumed: int
    declined: int
    """Of the rows scored by this run."""

    parts: int


@dataclass(frozen=True)
class _Part:
    source: pq.ParquetFile
    row_group: int
    rows: int
    path: Path


def score_batch(
    model: LoadedModel,
    source: Path,
    out: Path,
    *,
    join: Join | None = None,
    decline_threshold: float | None = None,
    attributions: bool = False,
    threads: int = 0,
    chunk_rows: int = 100_000,
    progress: Progress = lambda _done, _all: None,
) -> BatchReport:
    """Score every row of `source` (a Parquet file, a directory of them, or a Delta table) into the directory `out`.

    Output rows are the input's in their order, without the model's columns, with `score` (float64), `declined` (bool),
    `model_version` (string), and with `attributions` also `shap__<column>` and `shap__base` (log-odds). The model's
    columns are taken from the input where it has them; store features that it lacks come from `join`, as of each row's
    `event_timestamp`. `threads` 0 is all cores; memory is that of `chunk_rows` rows.

    Raises NotFound for a missing source, InvalidInput for columns that are missing or not numeric, Conflict when `out`
    holds the scores of something else, Unavailable when a file cannot be read or written.
    """
    files = _files(source)
    threshold = model.version.signature.decline_threshold if decline_threshold is None else decline_threshold
    scorer = RowScorer(model, join, decline_threshold=threshold, attributions=attributions, threads=threads)
    schema = _common_schema(files)
    scorer.check(schema)
    manifest = BatchManifest(
        model=model.version.name,
        version=model.version.version,
        model_digest=_digest(sorted(model.version.files.items())),
        source=str(source),
        source_digest=_digest([(str(p), p.stat().st_size, _footer(p, f)) for p, f in files]),
        decline_threshold=threshold,
        attributions=attributions,
        joined=join is not None,
    )
    _claim(out, manifest)
    parts = _parts(files, out)
    total = sum(part.rows for part in parts)
    resumed = sum(part.rows for part in parts if part.path.exists())
    done, declined = resumed, 0
    progress(done, total)
    for part in parts:
        if part.path.exists():
            continue
        for rows, refused in _score_part(part, scorer, chunk_rows):
            done, declined = done + rows, declined + refused
            progress(done, total)
    return BatchReport(
        manifest=manifest, out=str(out), rows=total, resumed=resumed, declined=declined, parts=len(parts)
    )


def _files(source: Path) -> list[tuple[Path, pq.ParquetFile]]:
    if not source.exists():
        raise NotFound(f"there is nothing at {str(source)!r}", hint="give a Parquet file, a directory or a Delta table")
    if source.is_file():
        paths = [source]
    elif (source / "_delta_log").is_dir():
        paths = current_files(source)
    else:
        paths = sorted(source.rglob("*.parquet"))
    if not paths:
        raise NotFound(f"there is no Parquet file under {str(source)!r}")
    try:
        return [(path, pq.ParquetFile(path)) for path in paths]
    except (pa.ArrowInvalid, OSError) as error:
        raise Unavailable(f"{str(source)!r} cannot be read as Parquet: {error}") from error


def _common_schema(files: list[tuple[Path, pq.ParquetFile]]) -> pa.Schema:
    (_, first), *others = files
    for path, file in others:
        if not file.schema_arrow.equals(first.schema_arrow):
            raise InvalidInput(
                f"{path.name!r} has other columns than {files[0][0].name!r}", hint="score files of one schema together"
            )
    return first.schema_arrow


def _claim(out: Path, manifest: BatchManifest) -> None:
    """Make `out` the place of these scores. Raises Conflict when it is another's."""
    path = out / MANIFEST
    try:
        out.mkdir(parents=True, exist_ok=True)
        if path.exists():
            try:
                found = BatchManifest.model_validate_json(path.read_bytes())
            except ValidationError as error:
                raise Conflict(f"{str(path)!r} is not a manifest of ours", hint="give an empty directory") from error
            if found != manifest:
                raise Conflict(
                    f"{str(out)!r} holds the scores of {found.model} version {found.version} over {found.source!r}, "
                    "or of the same data as it was before",
                    hint="give another directory, or remove this one to score again",
                )
        elif any(out.iterdir()):
            raise Conflict(f"{str(out)!r} is not empty and has no {MANIFEST}", hint="give an empty directory")
        else:
            _replace(path, manifest.model_dump_json(indent=2).encode() + b"\n")
    except OSError as error:
        raise Unavailable(f"the scores cannot be written to {str(out)!r}: {error}") from error


def _parts(files: list[tuple[Path, pq.ParquetFile]], out: Path) -> list[_Part]:
    return [
        _Part(file, group, file.metadata.row_group(group).num_rows, out / f"part-{number:05d}-{group:05d}.parquet")
        for number, (_, file) in enumerate(files)
        for group in range(file.metadata.num_row_groups)
    ]


def _score_part(part: _Part, scorer: RowScorer, chunk_rows: int) -> Iterator[tuple[int, int]]:
    """Yields (rows, declined) chunk by chunk; the part is there, whole, when it ends."""
    partial = part.path.with_suffix(".partial")
    try:
        writer: pq.ParquetWriter | None = None
        for batch in part.source.iter_batches(chunk_rows, row_groups=[part.row_group]):
            scored = scorer.score(pa.Table.from_batches([batch]))
            writer = writer or pq.ParquetWriter(partial, scored.schema, compression="zstd")
            writer.write_table(scored)
            yield len(scored), scorer.declined(scored)
        if writer is None:
            return
        writer.close()
        _flush(partial)
        partial.replace(part.path)
    except (pa.ArrowInvalid, OSError) as error:
        raise Unavailable(f"{part.path.name!r} could not be made: {error}", hint="run it again to resume") from error


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    _flush(partial)
    partial.replace(path)


def _flush(path: Path) -> None:
    with closing(os.fdopen(os.open(path, os.O_RDONLY))) as file:
        os.fsync(file.fileno())


def _footer(path: Path, file: pq.ParquetFile) -> bytes:
    """The Parquet footer as it is on disk: schema, and position and statistics of every column chunk."""
    with path.open("rb") as content:
        content.seek(-(file.metadata.serialized_size + 8), os.SEEK_END)
        return content.read()


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()
