"""`vigia approvals …`: see what waits for a person, and decide it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from interfaces.cli import proposing
from interfaces.cli.options import ApiKey, Json, KeyFile, acting, clean, maybe_key

app = typer.Typer(help="What waits for a person's word.", no_args_is_help=True)

RequestId = Annotated[str, typer.Argument(help="The request's id, e.g. apr_0193…")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the decision.")]
WhyNot = Annotated[str, typer.Option("--reason", help="Why not; kept with the decision, and told to who proposed it.")]
BatchDigest = Annotated[str, typer.Option("--digest", help="The batch's digest, from `vigia approvals like`.")]


@app.command("list")
def show_all(api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """List the requests that are pending; with an API key, those its person may see."""
    from interfaces.bootstrap.stores import approval_service, shown_to
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    settings = load_settings()
    visible = shown_to(settings, maybe_key(api_key, key_file))
    pending = [request for request in approval_service(settings).pending() if visible(request)]
    empty = f"nothing waits for a decision in {settings.database_name}; `vigia incidents list` shows what was decided"
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
    _decide(request, "approve", reason, api_key, key_file, json=json)


@app.command("reject")
def reject(
    request: RequestId, reason: WhyNot, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False
) -> None:
    """Reject it, as the person the API key belongs to."""
    _decide(request, "reject", reason, api_key, key_file, json=json)


@app.command("like")
def like(request: RequestId, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False) -> None:
    """Show the requests that wait and are like this one, with the digest that decides them together."""
    from interfaces.bootstrap.stores import approval_service, shown_to
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json
    from interfaces.terminal.proposal import print_alike

    settings = load_settings()
    service = approval_service(settings)
    batch = service.like(request, shown_to(settings, maybe_key(api_key, key_file)))
    if json:
        print_json(batch)
        return
    print_alike(batch, [service.get(request_id) for request_id in batch.request_ids])


@app.command("approve-batch")
def approve_batch(  # noqa: PLR0917 - one per option
    request: RequestId,
    digest: BatchDigest,
    reason: Reason = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Approve the requests that are like this one, each by itself; refused when they are not those that were shown."""
    _decide_batch(request, digest, "approve", reason, api_key, key_file, json=json)


@app.command("reject-batch")
def reject_batch(  # noqa: PLR0917 - one per option
    request: RequestId,
    digest: BatchDigest,
    reason: WhyNot,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Reject the requests that are like this one, each by itself; refused when they are not those that were shown."""
    _decide_batch(request, digest, "reject", reason, api_key, key_file, json=json)


app.command("propose")(proposing.propose)
app.command("edit")(proposing.edit)
app.command("actions")(proposing.actions)


def _decide(
    request: str,
    verdict: Literal["approve", "reject"],
    reason: str | None,
    api_key: str | None,
    key_file: Path | None,
    *,
    json: bool,
) -> None:
    from interfaces.bootstrap.stores import approval_service
    from interfaces.terminal.output import print_json, print_text

    settings, person = acting(api_key, key_file, "an approval")
    decided = approval_service(settings).decide(request, person, verdict, reason=clean(settings, reason), channel="cli")
    if json:
        print_json(decided)
    else:
        print_text(f"{decided.id} is {decided.status}; decided by {person.id}: {decided.proposal.plan.summary}")


def _decide_batch(  # noqa: PLR0917 - one per option
    request: str,
    digest: str,
    verdict: Literal["approve", "reject"],
    reason: str | None,
    api_key: str | None,
    key_file: Path | None,
    *,
    json: bool,
) -> None:
    """Exit code 1 where one was not decided; what became of each is said."""
    from interfaces.bootstrap.stores import approval_service, shown_to
    from interfaces.terminal.output import print_json, print_text

    settings, person = acting(api_key, key_file, "an approval")
    service = approval_service(settings)
    ids = service.like(request, shown_to(settings, maybe_key(api_key, key_file))).request_ids
    outcomes = service.decide_batch(ids, digest, person, verdict, reason=clean(settings, reason), channel="cli")
    if json:
        print_json(outcomes)
    else:
        for each in outcomes:
            print_text(f"{each.request_id} {each.status or f'was not decided: {each.refused}'}")
    if any(each.refused for each in outcomes):
        raise typer.Exit(1)
