"""`vigia features screen`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

if TYPE_CHECKING:
    from platform_core.monitoring.screen import FeatureDrift, Screen

LISTED = 40
"""Rows of the table, and reasons below it."""


def screen(
    view: Annotated[list[str] | None, typer.Argument(help="Only these views.", metavar="[VIEW]...")] = None,
    *,
    tenant: Annotated[str | None, typer.Option(help="Only this one's rows.")] = None,
    current: Annotated[str, typer.Option(help="What is judged, before now: 24h, 7d.")] = "24h",
    reference: Annotated[str, typer.Option(help="The baseline before that.")] = "14d",
    baseline: Annotated[Literal["window", "weekday_hour"], typer.Option(help="What it is compared with.")] = "window",
    segment: Annotated[str | None, typer.Option(help="A column by whose values to judge apart.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Evidently's full report of what drifted, as HTML.")] = False,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Compare every feature, of the tenants you may see, with its baseline; exit 1 when some drifted."""
    from foundation.errors import InvalidInput
    from interfaces.bootstrap.features import TenantReader
    from interfaces.bootstrap.foundations import open_existing
    from interfaces.bootstrap.platform import platform_view
    from interfaces.settings import load_settings
    from interfaces.terminal.output import plain, print_json
    from platform_core.catalog.durations import parse_duration
    from platform_core.monitoring.screen import ScreenSettings
    from platform_core.monitoring.screen import screen as run_screen
    from platform_core.monitoring.screen_report import write_screen_reports

    base = open_existing(load_settings())
    reader = TenantReader(base, person_key(api_key, key_file, "reading features"))
    platform = platform_view(base)
    settings = ScreenSettings(
        current=parse_duration(current), reference=parse_duration(reference), baseline=baseline, segment=segment
    )
    views = [
        platform.catalog.feature_view(name).name for name in view or [v.name for v in platform.catalog.feature_views]
    ]
    known = {t for name in views for t in platform.catalog.tenants(name)}
    if tenant is not None:
        reader.require(tenant, screen=", ".join(views)[:1000])
    seen = reader.seen(known, screen=", ".join(views)[:1000])
    pairs = [(name, t) for name in views for t in platform.catalog.tenants(name) if t in seen and tenant in (None, t)]
    if tenant is not None and not pairs:
        raise InvalidInput(f"no view has rows of tenant {tenant!r}", hint="without --tenant all are judged")
    now = platform.clock.now()
    result = run_screen(platform.offline, platform.catalog, now, settings, only=pairs)
    reports: list[Path] = []
    if report:
        directory = load_settings().data_dir / "reports" / "drift"
        drawn = write_screen_reports(platform, result, settings, directory)
        reports = [path for paths in drawn.values() for path in paths]
    if json:
        counts = {"drifted": len(result.drifted), "not_judged": len(result.unjudged)}
        print_json({**plain(result), **counts, "reports": [str(path) for path in reports]})
    else:
        _print(result, reports)
    raise typer.Exit(1 if result.drifted else 0)


def _print(result: Screen, reports: list[Path]) -> None:
    from interfaces.terminal.output import print_table, print_text

    def rank(f: FeatureDrift) -> tuple[bool, bool, float]:
        return f.verdict == "not judged", f.verdict != "drifted", -(f.effect or 0.0)

    rows = [
        (
            f.view,
            f.tenant,
            f.name,
            f.verdict,
            _figure(f.effect, ".3f"),
            _figure(f.psi, ".3f"),
            _figure(f.jensen_shannon, ".3f"),
            _figure(f.p_value, ".1g"),
            "" if f.current_rows is None else f"{f.current_rows:,}/{f.reference_rows:,}",
        )
        for f in sorted(result.features, key=rank)[:LISTED]
    ]
    columns = ("view", "tenant", "feature", "verdict", "effect", "PSI", "JS", "p", "rows now/before")
    print_table("drift screen", columns, rows, empty="no feature to judge")
    for name, reason in result.unread.items():
        print_text(f"not judged: {name}: {reason}")
    for f in result.unjudged[:LISTED]:
        print_text(f"not judged: {f.view} {f.tenant} {f.name}: {f.reason}")
    if len(result.unjudged) > LISTED:
        print_text(f"not judged: {len(result.unjudged) - LISTED} more, all of them with --json")
    judged = len(result.features) - len(result.unjudged)
    print_text(
        f"{len(result.features)} features in {result.seconds:.2f} s: {judged} judged, {len(result.drifted)} drifted"
    )
    for path in reports:
        print_text(f"report: {path}")


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
