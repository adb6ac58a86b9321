"""`vigia approvals propose|edit|actions`: what people want done, by the same path as what the agent proposes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, acting

if TYPE_CHECKING:
    from agents.incident.proposing import ProposalDesk, Proposed
    from platform_core.access.principals import Principal

Values = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An argument; may be repeated.")]
Why = Annotated[str, typer.Option(help="Why; those who approve it read this.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and ask for nothing.")]
Digest = Annotated[
    str | None, typer.Option(help="The digest a dry run showed: refused when it is no longer the same change.")
]


def propose(
    tool: Annotated[
        str, typer.Argument(help="The action, e.g. rollback_deploy; `vigia approvals actions` lists them.")
    ],
    incident: Annotated[str, typer.Option(help="INC-0042, 42 or the incident's id.")],
    reason: Why,
    values: Values = None,
    *,
    dry_run: DryRun = False,
    digest: Digest = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Propose an action for an incident, as the person the API key belongs to; somebody else approves it."""
    given = arguments_of(values or [])
    desk, person = _desk_and_person(api_key, key_file, "a proposal")
    made = desk.propose(incident, person, tool, given, reason=reason, channel="cli", shown=digest, dry_run=dry_run)
    _print(made, json=json)


def edit(
    request: Annotated[str, typer.Argument(help="The request's id, e.g. apr_0193…")],
    reason: Why,
    values: Values = None,
    unset: Annotated[list[str] | None, typer.Option(metavar="NAME", help="An argument to take away.")] = None,
    *,
    dry_run: DryRun = False,
    digest: Digest = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Put a changed proposal in the place of one that waits or was approved; somebody else approves it."""
    changes = arguments_of(values or []) | dict.fromkeys(unset or [])
    desk, person = _desk_and_person(api_key, key_file, "an edit")
    made = desk.revise(request, person, changes, reason=reason, channel="cli", shown=digest, dry_run=dry_run)
    _print(made, json=json)


def actions(json: Json = False) -> None:
    """List what can be proposed, and with which arguments."""
    from interfaces.bootstrap.proposals import describe_actions
    from interfaces.terminal.output import print_json, print_table

    found = describe_actions()
    if json:
        print_json(found)
        return
    rows = [(a.name, ", ".join(a.fields), a.tier, a.summary) for a in found]
    print_table("actions", ("name", "arguments", "tier", ""), rows, empty="")


def arguments_of(values: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` each. Raises InvalidInput."""
    from foundation.errors import InvalidInput

    given: dict[str, Any] = {}
    for value in values:
        name, found, text = value.partition("=")
        if not found or not name.strip():
            raise InvalidInput(f"--set {value!r} is not NAME=VALUE", hint="for instance --set replicas=2")
        if name.strip() in given:
            raise InvalidInput(f"--set gives {name.strip()} twice")
        given[name.strip()] = text
    return given


def _desk_and_person(api_key: str | None, key_file: Path | None, what: str) -> tuple[ProposalDesk, Principal]:
    from interfaces.bootstrap.proposals import proposal_desk

    settings, person = acting(api_key, key_file, what)
    return proposal_desk(settings), person


def _print(made: Proposed, *, json: bool) -> None:
    from interfaces.terminal.output import print_json
    from interfaces.terminal.proposal import print_proposed

    if json:
        print_json(made)
    else:
        print_proposed(made)
