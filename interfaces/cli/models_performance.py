"""`vigia models performance`: how good the answers were, now that their labels are in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.options import Json

if TYPE_CHECKING:
    from platform_core.serving.performance import By
    from platform_core.serving.performance_figures import Estimate

app = typer.Typer()


@app.command("performance")
def performance(  # noqa: PLR0917 - one per option
    name: Annotated[str, typer.Argument(help="Of the model, e.g. fraud_score.")],
    days: Annotated[int, typer.Option(help="How many days back.", min=1, max=400)] = 14,
    by: Annotated[str | None, typer.Option(help="country, endpoint, version or variant.")] = None,
    until: Annotated[datetime | None, typer.Option(help="End of the window in UTC; now when not given.")] = None,
    labels: Annotated[
        str, typer.Option(help="The table of labels; {tenant} stands for each.")
    ] = "chargebacks_{tenant}",
    key: Annotated[str, typer.Option(help="Its column that holds the request's id.")] = "event_id",
    label: Annotated[str, typer.Option(help="Its column that holds 1 for fraud and 0 for genuine.")] = "is_fraud",
    entity: Annotated[
        str | None, typer.Option(help="Join by this column (an entity's key) and time instead of the request's id.")
    ] = None,
    maturity_days: Annotated[int, typer.Option(help="How long labels take to come in.", min=0)] = 7,
    json: Json = False,
) -> None:
    """Show AUC, average precision, precision and recall day by day, with intervals and label coverage."""
    from datetime import UTC

    from interfaces.bootstrap.performance import model_performance
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    found = model_performance(
        load_settings(),
        name,
        days=days,
        until=None if until is None else until.replace(tzinfo=UTC),
        by=_by(by),
        table=labels,
        key=key,
        column=label,
        entity=entity,
        maturity=timedelta(days=maturity_days),
    )
    if json:
        print_json(found)
        return
    rows = [
        (
            f"{line.day:%Y-%m-%d}" + ("" if line.mature else " *"),
            line.segment or "all",
            line.predictions,
            f"{line.coverage:.0%}",
            line.positives,
            _shown(line.auc),
            _shown(line.average_precision),
            _shown(line.precision),
            _shown(line.recall),
        )
        for line in found
    ]
    columns = ("day", "segment", "answers", "labelled", "fraud", "AUC", "avg precision", "precision", "recall")
    print_table(f"{name} (* labels may still come in)", columns, rows, empty="nothing was answered in these days")


def _by(name: str | None) -> By | None:
    """Raises InvalidInput, naming the nearest."""
    from foundation.errors import InvalidInput
    from foundation.nearest import did_you_mean

    known = ("country", "endpoint", "version", "variant")
    if name is not None and name not in known:
        raise InvalidInput(f"answers are not told apart by {name[:40]!r}", hint=did_you_mean(name, known))
    return name


def _shown(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.2f}-{estimate.high:.2f})"
