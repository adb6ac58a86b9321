"""`vigia features budgets`: how fast endpoints spend the error budgets of their feature services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.options import Json

if TYPE_CHECKING:
    from platform_core.monitoring.budget import Budget


def budgets(
    endpoint: Annotated[list[str] | None, typer.Argument(help="Only these.", metavar="[ENDPOINT]...")] = None,
    json: Json = False,
) -> None:
    """Show the burn rate of every endpoint's error budget, by window; exit 1 when one burns too fast.

    Budgets are those of `availability` of the feature services, as the running platform watches them.
    """
    from foundation.errors import NotFound
    from interfaces.bootstrap.foundations import open_existing
    from interfaces.bootstrap.platform import platform_view
    from interfaces.settings import load_settings
    from interfaces.terminal.output import plain, print_json, print_text
    from platform_core.monitoring.burn import BurnMonitor

    monitor = BurnMonitor()
    monitor.check(platform_view(open_existing(load_settings())))
    found = [b for b in monitor.budgets if not endpoint or b.endpoint in endpoint]
    known = {b.endpoint for b in monitor.budgets} | {name.removeprefix("burn-") for name in monitor.blind}
    if unknown := [name for name in endpoint or () if name not in known]:
        hint = (
            f"there are {', '.join(sorted(known))}" if known else "set `availability` of a feature service's monitors"
        )
        raise NotFound(f"no error budget of {', '.join(unknown)} is watched", hint=hint)
    if json:
        print_json([{**plain(b), "burning": b.burning is not None} for b in found])
    else:
        _print(found)
        for name, reason in monitor.blind.items():
            print_text(f"not known: {name}: {reason}")
    raise typer.Exit(1 if any(b.burning for b in found) else 0)


def _print(found: list[Budget]) -> None:
    from interfaces.terminal.output import print_table
    from platform_core.monitoring.budget import PAIRS

    limits = {window: limit for *pair, limit in PAIRS for window in pair}
    rows = [
        (
            b.endpoint,
            b.tenant or "",
            f"{b.objective:.3%}",
            spent.window,
            f"{spent.requests:,.0f}",
            f"{spent.failed:,.0f}",
            f"{spent.degraded:,.0f}",
            f"{spent.burn_rate:.1f}",
            f"{limits[spent.window]:g}",
            "burning" if b.burning is not None and spent in b.burning else "",
        )
        for b in found
        for spent in b.spent.values()
    ]
    columns = (
        "endpoint", "tenant", "objective", "window", "requests", "failed", "without features", "burn rate", "limit", "",
    )  # fmt: skip
    print_table("error budgets", columns, rows, empty="no feature service promises an availability")
