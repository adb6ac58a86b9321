"""`vigia kill-switch …`: stop everything, start again, see how it stands."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

app = typer.Typer(help="While it is on, nothing is approved and nothing is executed.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


@app.command("on")
def engage(reason: Reason, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """Engage it: anybody on call may."""
    _switch(True, reason, key=person_key(api_key, key_file, "the kill switch"), json=json)


@app.command("off")
def release(reason: Reason, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """Release it: this takes an approver or an admin."""
    _switch(False, reason, key=person_key(api_key, key_file, "the kill switch"), json=json)


@app.command("show")
def show(json: Json = False) -> None:
    """Whether it is on, since when, and why."""
    from interfaces.bootstrap.stores import approval_service
    from interfaces.settings import load_settings

    _print(approval_service(load_settings()).kill_switch(), json=json)


def _switch(on: bool, reason: str, *, key: str, json: bool) -> None:
    from interfaces.bootstrap.redaction import redactor
    from interfaces.bootstrap.stores import approval_service
    from interfaces.principals import open_directory
    from interfaces.settings import load_settings

    settings = load_settings()
    principal = open_directory(settings.principals_file, settings.environment).by_api_key(key)
    state = approval_service(settings).set_kill_switch(on, principal, redactor(settings).redact(reason))
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
