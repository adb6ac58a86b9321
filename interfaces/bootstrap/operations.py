"""The timeline, job runs, usage and cost, as the command line and the HTTP API get them."""

from __future__ import annotations

from datetime import datetime, timedelta

from foundation.clock import Clock
from foundation.outside_text import OutsideText
from interfaces.bootstrap.foundations import Foundations, open_existing
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings
from platform_core.operations.costing import Charge, charges
from platform_core.operations.desk import ChangeDesk
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.sql_usage import SqlUsage
from platform_core.operations.usage import UsageUnit


class OperationsRecords:
    """What there is to read, over one database."""

    def __init__(self, base: Foundations) -> None:
        self._settings = base.settings
        self.clock: Clock = base.clock
        self.operations = SqlOperations(base.engine)
        self.usage = SqlUsage(base.engine)

    def charges(self, since: datetime, until: datetime) -> list[Charge]:
        """Whole hours and days that lie within."""
        days = self.operations.billed(since.date(), (until - timedelta(microseconds=1)).date())
        return list(charges(self.usage.usage_hours(since, until), days, prices(self._settings)))


def records_here(settings: Settings) -> OperationsRecords:
    return OperationsRecords(open_existing(settings))


def change_desk(base: Foundations) -> ChangeDesk:
    outside = OutsideText(redactor(base.settings).redact)
    return ChangeDesk(base.engine, base.clock, base.audit, outside, environment=base.settings.environment)


def prices(settings: Settings) -> dict[UsageUnit, float]:
    """For one of each unit, in the settings' currency."""
    usage = settings.usage
    return {
        "predictions": usage.per_million_predictions / 1e6,
        "feature_reads": usage.per_million_feature_reads / 1e6,
        "materialized_rows": usage.per_million_materialized_rows / 1e6,
    }
