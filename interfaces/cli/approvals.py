"""`vigia approvals …`: see what waits for a person, and decide it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

app = typer.Typer(help="What waits for a person's word.", no_args_is_help=True)

RequestId = Annotated[str, typer.Argument(help="The request's id, e.g. apr_0193…")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the decision.")]


@app.command("list")
def show_all(json: Json = False) -> None:
    """List the requests that are pending."""
    from interfaces.bootstrap.stores import approval_service
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    pending = approval_service(load_settings()).pending()
    if json:
        print_json(pending)
        return
    rows = [(r.id, r.proposal.tool, r.proposal.plan.summary, f"{r.expires_at:%H:%M} UTC") for r in pending]
    print_table("pending", ("id", "tool", "would change", "expires"), rows, empty="nothing waits for a decision")


@app.command("show")
def show(request: RequestId, json: Json = False) -> None:
    """Show one request: the proposal, its diff, its digest and the decisions so far."""
    from interfaces.bootstrap.stores import approval_service
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json
    from interfaces.terminal.proposal import print_approval

    found = approval_service(load_settings()).get(request)
    if json:
        print_json(found)
    else:
        print_approval(found)


@app.command("approve")
def approve(
    request: RequestId, reason: Reason = None, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False
) -> None:
    """Approve it, as the person the API key belongs to."""
    _decide(request, "approve", reason, key=person_key(api_key, key_file, "an approval"), json=json)


@app.command("reject")
def reject(
    request: RequestId, reason: Reason = None, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False
) -> None:
    """Reject it, as the person the API key belongs to."""
    _decide(request, "reject", reason, key=person_key(api_key, key_file, "an approval"), json=json)


def _decide(request: str, verdict: Literal["approve", "reject"], reason: str | None, *, key: str, json: bool) -> None:
    from foundation.outside_text import OutsideText
    from interfaces.bootstrap.redaction import redactor
    from interfaces.bootstrap.stores import approval_service
    from interfaces.principals import open_directory
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    settings = load_settings()
    principal = open_directory(settings.principals_file).by_api_key(key)
    reason = OutsideText(redactor(settings).redact).optional(reason)
    decided = approval_service(settings).decide(request, principal, verdict, reason=reason, channel="cli")
    if json:
        print_json(decided)
    else:
        typer.echo(f"{decided.id} is {decided.status}; decided by {principal.id}")
