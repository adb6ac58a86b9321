"""The SQL dialects that aggregations are compiled to, where they differ. One builder (`transformations`) serves all.

| | DuckDB | Spark SQL | Flink SQL |
|---|---|---|---|
| identifiers | "x" | `x` | `x` |
| backslash in a text | itself | escapes | itself |
| time resolution | 1 us | 1 us | 1 ms |
| windows of one SELECT | several | several | one: further ones go around it |
| count of distinct values over a window | count(DISTINCT x) | size(collect_set(x)) | COUNT(DISTINCT x) |
| newest value | arg_max | max_by | LAST_VALUE, in the order of arrival among equal times |

Sources: DuckDB, "Window Functions"; Spark SQL reference, "Window Functions" (no DISTINCT over a window); Flink SQL,
"Over Aggregation" (the windows of a streaming query's SELECT must be the same one; its time attribute passes through).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta

from platform_core.catalog.filter_grammar import ColumnOf, Expression, Literal, Operation
from platform_core.catalog.specs import AggregationFunction

_MICROSECOND = timedelta(microseconds=1)
_FORMS = {"NOT": "(NOT {0})", "IS NULL": "({0} IS NULL)", "BETWEEN": "({0} BETWEEN {1} AND {2})"}


class Dialect(ABC):
    name: str
    mark: str
    """Around identifiers; doubled within them."""

    resolution: timedelta = _MICROSECOND
    """The least difference between two times: an inclusive frame is that much shorter to be an exclusive one."""

    windows_per_select: int | None = None

    def quote(self, identifier: str) -> str:
        return self.mark + identifier.replace(self.mark, self.mark * 2) + self.mark

    def text(self, value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    @abstractmethod
    def interval(self, value: timedelta) -> str: ...

    @abstractmethod
    def timestamp(self, value: datetime) -> str: ...

    def aggregate(self, function: AggregationFunction, value: str, order: tuple[str, str], over: str = "") -> str:
        """The aggregate of `value` (null where a row does not count), for `last` by `order`, over a window if any."""
        match function:
            case "count":
                return f"count({value}){over}"
            case "approx_distinct":
                return self.distinct(value, over)
            case "last":
                return self.newest(value, order, over)
            case "mean":
                return f"avg(CAST({value} AS DOUBLE)){over}"
            case "stddev":
                return f"stddev_samp(CAST({value} AS DOUBLE)){over}"
            case "sum" | "min" | "max":
                return f"{function}({value}){over}"

    def distinct(self, value: str, over: str) -> str:
        return f"count(DISTINCT {value}){over}"

    @abstractmethod
    def newest(self, value: str, order: tuple[str, str], over: str) -> str:
        """The non-null value of the greatest `order` (event time, created time)."""

    def condition(self, expression: Expression, prefix: str = "") -> str:
        """A filter in this dialect, its columns behind `prefix` (`e.`)."""
        match expression:
            case ColumnOf(name):
                return prefix + self.quote(name)
            case Literal(value):
                return self._literal(value)
            case Operation(operator, operands):
                parts = [self.condition(operand, prefix) for operand in operands]
        if operator == "IN":
            return f"({parts[0]} IN ({', '.join(parts[1:])}))"
        if operator in _FORMS:
            return _FORMS[operator].format(*parts)
        return "(" + f" {operator} ".join(parts) + ")"

    def _literal(self, value: str | float | bool | None) -> str:
        match value:
            case None:
                return "NULL"
            case bool():
                return str(value).upper()
            case str():
                return self.text(value)
            case _:
                return repr(value)


class DuckDb(Dialect):
    name = "duckdb"
    mark = '"'

    def interval(self, value: timedelta) -> str:
        return f"INTERVAL {value // _MICROSECOND} MICROSECONDS"

    def timestamp(self, value: datetime) -> str:
        return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat()}'"

    def newest(self, value: str, order: tuple[str, str], over: str) -> str:
        return f"arg_max({value}, ({', '.join(order)})){over}"


class SparkSql(Dialect):
    """For a session with `spark.sql.session.timeZone = UTC`."""

    name = "spark"
    mark = "`"

    def text(self, value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"

    def interval(self, value: timedelta) -> str:
        return f"INTERVAL '{_days_to_seconds(value, 6)}' DAY TO SECOND"

    def timestamp(self, value: datetime) -> str:
        return f"TIMESTAMP '{value.astimezone(UTC).isoformat(sep=' ')}'"

    def distinct(self, value: str, over: str) -> str:
        return f"size(collect_set({value}){over})"

    def newest(self, value: str, order: tuple[str, str], over: str) -> str:
        # max_by takes a null value as it comes; a null order leaves the row out.
        return f"max_by({value}, CASE WHEN {value} IS NOT NULL THEN struct({', '.join(order)}) END){over}"


class FlinkSql(Dialect):
    """`created` cannot order a stream: of equal event times the one that came last is the newest."""

    name = "flink"
    mark = "`"
    resolution = timedelta(milliseconds=1)
    windows_per_select = 1

    def interval(self, value: timedelta) -> str:
        digits = max(2, len(str(value.days)))
        return f"INTERVAL '{_days_to_seconds(value, 3)}' DAY({digits}) TO SECOND(3)"

    def timestamp(self, value: datetime) -> str:
        return f"TO_TIMESTAMP_LTZ({int(value.timestamp() * 1000)}, 3)"

    def newest(self, value: str, order: tuple[str, str], over: str) -> str:
        return f"LAST_VALUE({value}){over}"


def _days_to_seconds(value: timedelta, digits: int) -> str:
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f"{value.microseconds:06d}"[:digits]
    return f"{value.days} {hours:02d}:{minutes:02d}:{seconds:02d}.{fraction}"


DUCKDB, SPARK, FLINK = DuckDb(), SparkSql(), FlinkSql()
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (DUCKDB, SPARK, FLINK)}
