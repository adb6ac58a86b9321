"""An endpoint burns the error budget of its availability: requests failed, or answered without their features."""

from __future__ import annotations

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.budget import WINDOWS, Budget, Spent, budget
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.urn import parse_urn
from platform_core.view import PlatformView


class BurnMonitor(Monitor):
    """`burn-<endpoint>`; threshold: the objective, the share of requests that must be answered whole, e.g. 0.999. Its
    reading is that share in the last hour, or in the window that burns; `budgets` have the burn rate of each window."""

    prefix = "burn"
    watched = "endpoint"

    def __init__(self) -> None:
        super().__init__()
        self._budgets: dict[str, Budget] = {}

    @property
    def budgets(self) -> list[Budget]:
        """Of those that could be looked at last time."""
        return [found for name, found in self._budgets.items() if name in self.parts and name not in self.blind]

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        _kind, endpoint = parse_urn(watch.spec.subject)
        now, objective = view.clock.now(), watch.spec.threshold
        found = self._budgets[watch.name] = budget(view.predictions, endpoint, watch.tenant, objective, now)
        burning = found.burning
        long = found.spent["1h"] if burning is None else burning[0]
        if long.requests:
            self.readings[watch.name] = 1.0 - long.bad / long.requests
        if burning is None:
            return None
        _long, short, limit = burning
        return alert(
            watch,
            "errors",
            now=now,
            value=self.readings[watch.name],
            severity="critical",
            summary=f"{endpoint} burns its error budget {long.burn_rate:.1f} times too fast in {_said(long)}, "
            f"{short.burn_rate:.1f} times in {_said(short)}, limit {limit:g}; objective {objective:.3%}",
        )


def _said(spent: Spent) -> str:
    minutes = WINDOWS[spent.window].total_seconds() / 60
    length = f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min"
    said = f"{spent.failed:.0f} failed and {spent.degraded:.0f} came without features"
    return f"{length} ({said} of {spent.requests:.0f} requests)"
