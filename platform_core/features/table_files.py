"""Tables as people keep them: Parquet, Arrow, CSV and JSON lines files. A file is written whole or not at all."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from foundation.errors import InvalidInput, NotFound
from platform_core.features.frames import column_of, from_mappings

WRITABLE = (".parquet", ".csv", ".arrow", ".feather")


def to_parquet(table: pa.Table, path: Path) -> Path:
    """Writes the file whole or not at all; an existing one is replaced."""
    import pyarrow.parquet as pq

    with whole(path) as part:
        pq.write_table(table, part)
    return path


def read_file(path: Path, what: str = "entity rows") -> pa.Table:
    """A `.parquet`, `.csv`, `.arrow`/`.feather` or `.jsonl` file. Times in text files are ISO 8601 with a zone.

    Raises NotFound, and InvalidInput for a file that is not what its name says.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {str(path)!r}", hint=f"the {what} come from a file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(f"{str(path)!r} is no kind of table", hint=f"known endings: {', '.join(sorted(_READERS))}")
    try:
        return reader(path, what)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InvalidInput(f"{str(path)!r} cannot be read: {error}", hint=f"is it a {path.suffix} file?") from error


def write_file(table: pa.Table, path: Path) -> Path:
    """As the file's name ends: `.parquet`, `.csv` or `.arrow`/`.feather`. Whole or not at all."""
    ending = path.suffix.lower()
    if ending not in WRITABLE:
        raise InvalidInput(f"{str(path)!r} is no kind of table", hint=f"known endings: {', '.join(WRITABLE)}")
    if ending == ".parquet":
        return to_parquet(table, path)
    from pyarrow import csv, feather

    with whole(path) as part:
        if ending == ".csv":
            csv.write_csv(table, part)
        else:
            feather.write_feather(table, str(part), compression="lz4")
    return path


@contextmanager
def whole(path: Path) -> Generator[Path]:
    """A path beside `path` to write to; it becomes `path` when that went well, and is gone when not."""
    if not path.parent.is_dir():
        raise NotFound(f"there is no directory {str(path.parent)!r}", hint="make it first")
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read_parquet(path: Path, what: str) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read()


def _read_csv(path: Path, what: str) -> pa.Table:
    from pyarrow import csv

    # Keys are text, whatever they look like: 007 is not 7. Only times are parsed, by the zone that each of them names.
    names = csv.open_csv(path).schema.names
    text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
    return _parse_times(csv.read_csv(path, convert_options=text), what)


def _read_feather(path: Path, what: str) -> pa.Table:
    from pyarrow import feather

    return feather.read_table(path)


def _read_jsonl(path: Path, what: str) -> pa.Table:
    import orjson

    rows = [orjson.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    return _parse_times(from_mappings(rows, what), what)


def _parse_times(table: pa.Table, what: str) -> pa.Table:
    """The text column `event_timestamp` as times."""
    name = "event_timestamp"
    if name not in table.column_names or not pa.types.is_string(table[name].type):
        return table
    times: list[datetime | None] = []
    for number, text in enumerate(table[name].to_pylist(), start=1):
        try:
            times.append(None if text is None else datetime.fromisoformat(text))
        except ValueError as error:
            hint = "write 2026-11-19T08:30:00+00:00"
            raise InvalidInput(f"row {number} of the {what}: {name!r} is {text!r}, no time", hint=hint) from error
    return table.set_column(table.column_names.index(name), name, column_of(times, name, what))


_READERS = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".arrow": _read_feather,
    ".feather": _read_feather,
    ".jsonl": _read_jsonl,
}
