"""`vigia demo`: the whole story on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.options import Json


def demo(
    *,
    fault: Annotated[str, typer.Option(help="What breaks; 'none' is a healthy control.")] = "unit_change",
    approve_as: Annotated[
        str | None, typer.Option(metavar="NAME", help="Decide as this person instead of asking, e.g. alice.")
    ] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Reject the proposal instead of approving it.")] = False,
    json: Json = False,
    data_dir: Annotated[Path | None, typer.Option(help="Where its data goes; a fresh directory by default.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running afterwards, until Ctrl-C.")] = False,
    speed: Annotated[float, typer.Option(help="Platform seconds per second.", min=1, max=600)] = 60,
    seed: Annotated[int, typer.Option(help="Of the simulated company.", min=0)] = 7,
    port: Annotated[int, typer.Option(help="Of the console; a free one by default.", min=0, max=65535)] = 0,
) -> None:
    """Boot a simulated payments company, break something, and watch it being found, approved, mended and verified."""
    from interfaces.demo.options import DemoOptions
    from interfaces.demo.run import run_demo

    options = DemoOptions(
        fault=fault,
        approve_as=approve_as,
        reject=reject,
        json=json,
        data_dir=data_dir,
        keep=keep,
        speed=speed,
        seed=seed,
        port=port,
    )
    raise typer.Exit(run_demo(options))
