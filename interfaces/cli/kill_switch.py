"""`vigia kill-switch …`: stop everything, start again, see how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, acting, clean

app = typer.Typer(help="While it is on, nothing is approved and nothing is executed.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


@app.command("on")
def engage(reason: Reason, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """Engage it: anybody on call may."""
    _switch(True, reason, api_key, key_file, json=json)


@app.command("off")
def release(reason: Reason, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """Release it: this takes an approver or an admin."""
    _switch(False, reason, api_key, key_file, json=json)


@app.command("show")
def show(json: Json = False) -> None:
    """Whether it is on, since when, and why."""
    from interfaces.bootstrap.stores import approval_service
    from interfaces.settings import load_settings

    _print(approval_service(load_settings()).kill_switch(), json=json)


def _switch(on: bool, reason: str, api_key: str | None, key_file: Path | None, *, json: bool) -> None:
    from interfaces.bootstrap.stores import approval_service

    settings, person = acting(api_key, key_file, "the kill switch")
    state = approval_service(settings).set_kill_switch(on, person, clean(settings, reason) or "")
    _print(state, json=json)


def _print(state: object, *, json: bool) -> None:
    from guardrails.approvals.switch import KillSwitch
    from interfaces.terminal.output import print_json
    from interfaces.terminal.safety import safe_text

    if json or not isinstance(state, KillSwitch):
        print_json(state)
        return
    word = "ON: nothing is approved or executed" if state else "off"
    by = f" (by {state.changed_by}, {state.changed_at:%Y-%m-%d %H:%M} UTC: {state.reason})" if state.changed_at else ""
    typer.echo(safe_text(f"the kill switch is {word}{by}"))
