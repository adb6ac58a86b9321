"""`vigia approvals …`: see what waits for a person, and decide it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from interfaces.cli import proposing
from interfaces.cli.options import ApiKey, Json, KeyFile, maybe_key, person_key

app = typer.Typer(help="What waits for a person's word.", no_args_is_help=True)

RequestId = Annotated[str, typer.Argument(help="The request's id, e.g. apr_0193…")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the decision.")]


@app.command("list")
def show_all(api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """List the requests that are pending; with an API key, those its person may see."""
    from interfaces.bootstrap.stores import approval_service, shown_to
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    settings = load_settings()
    visible = shown_to(settings, maybe_key(api_key, key_file))
    pending = [request for request in approval_service(settings).pending() if visible(request)]
    empty = f"nothing waits for a decision in {settings.database_name}"
    if json:
        print_json(pending)
        return
    rows = [(r.id, r.proposal.tool, r.proposal.plan.summary, f"{r.expires_at:%H:%M} UTC") for r in pending]
    print_table("pending", ("id", "tool", "would change", "expires"), rows, empty=empty)


@app.command("show")
def show(request: RequestId, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """Show one request: the proposal, its diff, its digest and the decisions so far."""
    from foundation.errors import NotFound
    from interfaces.bootstrap.stores import approval_service, shown_to
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json
    from interfaces.terminal.proposal import print_approval

    settings = load_settings()
    found = approval_service(settings).get(request)
    if not shown_to(settings, maybe_key(api_key, key_file))(found):
        raise NotFound(f"there is no approval request {request!r}", hint="or it is not yours to see")
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


@app.command("like")
def like(request: RequestId, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """Show the requests that wait and are like this one, with the digest that decides them together."""
    from foundation.errors import NotFound
    from interfaces.bootstrap.stores import approval_service, shown_to
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    settings = load_settings()
    service, visible = approval_service(settings), shown_to(settings, maybe_key(api_key, key_file))
    batch = service.like(request)
    found = [service.get(request_id) for request_id in batch.request_ids]
    if not all(visible(each) for each in found):
        raise NotFound(f"there is no batch of {request!r} for you", hint="decide those you may see one by one")
    if json:
        print_json(batch)
        return
    rows = [(r.id, r.proposal.tool, r.proposal.plan.target, r.proposal.plan.summary) for r in found]
    print_table("alike", ("id", "tool", "target", "would change"), rows, empty="")
    typer.echo(f"approve all of them: vigia approvals approve-batch {request} --digest {batch.digest}")


@app.command("approve-batch")
def approve_batch(
    request: RequestId,
    digest: Annotated[str, typer.Option(help="The batch's digest, from `vigia approvals like`.")],
    reason: Reason = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
) -> None:
    """Approve the requests that are like this one, all or none; refused when they are not those that were shown."""
    from foundation.outside_text import OutsideText
    from interfaces.bootstrap.redaction import redactor
    from interfaces.bootstrap.stores import approval_service
    from interfaces.principals import open_directory
    from interfaces.settings import load_settings

    settings = load_settings()
    key = person_key(api_key, key_file, "an approval")
    principal = open_directory(settings.principals_file, settings.environment).by_api_key(key)
    service = approval_service(settings)
    reason = OutsideText(redactor(settings).redact).optional(reason)
    ids = service.like(request).request_ids
    decided = service.decide_batch(ids, digest, principal, "approve", reason=reason, channel="cli")
    typer.echo(f"{len(decided)} decided by {principal.id}: {', '.join(f'{r.id} {r.status}' for r in decided)}")


app.command("propose")(proposing.propose)
app.command("edit")(proposing.edit)
app.command("actions")(proposing.actions)


def _decide(request: str, verdict: Literal["approve", "reject"], reason: str | None, *, key: str, json: bool) -> None:
    from foundation.outside_text import OutsideText
    from interfaces.bootstrap.redaction import redactor
    from interfaces.bootstrap.stores import approval_service
    from interfaces.principals import open_directory
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    settings = load_settings()
    principal = open_directory(settings.principals_file, settings.environment).by_api_key(key)
    reason = OutsideText(redactor(settings).redact).optional(reason)
    decided = approval_service(settings).decide(request, principal, verdict, reason=reason, channel="cli")
    if json:
        print_json(decided)
    else:
        typer.echo(f"{decided.id} is {decided.status}; decided by {principal.id}")
