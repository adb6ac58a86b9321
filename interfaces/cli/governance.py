"""`vigia budgets`, `break-glass` and `delegations`: what may be spent, and who may decide when it is unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, acting, clean

if TYPE_CHECKING:
    pass

budgets = typer.Typer(help="What was spent, and what may be.", no_args_is_help=True)
break_glass = typer.Typer(help="Lift freezes for minutes, with a reason and a review.", no_args_is_help=True)
delegations = typer.Typer(help="Hand the right to decide to a colleague for a while.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]
Tenant = Annotated[str | None, typer.Option(help="For one tenant; all of yours when not given.")]


@budgets.callback()
def _budgets() -> None:
    """What was spent, and what may be."""


@budgets.command("show")
def show_budgets(
    incident: Annotated[str | None, typer.Option(help="INC-0042, or its id; the newest scopes when not given.")] = None,
    json: Json = False,
) -> None:
    """Show tokens, dollars, tool calls, actions and wall time against their limits."""
    from interfaces.bootstrap.stores import spent
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    spends = spent(load_settings(), incident=incident)
    if json:
        print_json(spends)
        return
    rows = [
        (
            f"{s.scope} {s.key}",
            _of(s.spent.tokens, s.limits.tokens),
            _of(s.spent.microdollars / 1e6, None if s.limits.microdollars is None else s.limits.microdollars / 1e6),
            _of(s.spent.tool_calls, s.limits.tool_calls),
            _of(s.spent.actions, s.limits.actions),
            _of(s.spent.wall_ms / 1000, None if s.limits.wall_ms is None else s.limits.wall_ms / 1000),
            ", ".join(s.exceeded) or "-",
        )
        for s in spends
    ]
    columns = ("scope", "tokens", "dollars", "tool calls", "actions", "wall seconds", "refused")
    print_table("budgets", columns, rows, empty="nothing was spent yet: incidents and questions spend")


@break_glass.command("open")
def open_glass(  # noqa: PLR0917 - one per option
    reason: Reason,
    minutes: Annotated[int, typer.Option(help="How long it holds.")] = 15,
    environment: Annotated[str, typer.Option(help="dev, staging or production.")] = "production",
    tenant: Tenant = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Break the glass: freezes no longer deny, and one approval is enough. A person still decides on every action."""
    from foundation.errors import InvalidInput
    from interfaces.bootstrap.governance import make_break_glass

    if environment not in ("dev", "staging", "production"):
        raise InvalidInput(f"{environment!r} is not an environment", hint="dev, staging or production")
    settings, person = acting(api_key, key_file, "breaking the glass")
    glass = make_break_glass(settings).open(
        person, environment=environment, tenant=tenant, minutes=minutes, reason=clean(settings, reason) or ""
    )
    _tell(glass, f"{glass.id} holds until {glass.ends_at:%H:%M} UTC; somebody else has to review it", json=json)


@break_glass.command("review")
def review_glass(
    glass: Annotated[str, typer.Argument(help="Its id, e.g. brk_0193…")],
    note: Annotated[str, typer.Option(help="What was done, and whether it was right.")],
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Close the review of a broken glass; this also ends it."""
    from interfaces.bootstrap.governance import make_break_glass

    settings, person = acting(api_key, key_file, "a review")
    reviewed = make_break_glass(settings).review(glass, person, clean(settings, note) or "")
    _tell(reviewed, f"{reviewed.id} is reviewed by {reviewed.reviewed_by}", json=json)


@break_glass.command("list")
def list_glass(
    unreviewed: Annotated[bool, typer.Option("--unreviewed", help="Only those whose review is open.")] = False,
    json: Json = False,
) -> None:
    """List what was broken, by whom, and what its review said."""
    from interfaces.bootstrap.governance import make_break_glass
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    found = make_break_glass(load_settings()).all(unreviewed=unreviewed)
    if json:
        print_json(found)
        return
    rows = [
        (
            g.id,
            g.opened_by,
            f"{g.environment} {g.tenant or '*'}",
            f"{g.ends_at:%Y-%m-%d %H:%M}",
            g.reason,
            g.review or "-",
        )
        for g in found
    ]
    print_table("broken glass", ("id", "by", "where", "until", "reason", "review"), rows, empty="no glass was broken")


@delegations.command("add")
def delegate(  # noqa: PLR0917 - one per option
    to: Annotated[str, typer.Argument(help="The colleague, e.g. human:bob.")],
    reason: Reason,
    hours: Annotated[float, typer.Option(help="How long it holds.")] = 8,
    tenant: Tenant = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Let a colleague decide in your place; together you stay one voice."""
    from datetime import timedelta

    from interfaces.bootstrap.governance import make_delegations

    settings, person = acting(api_key, key_file, "a delegation")
    made = make_delegations(settings).delegate(
        person, to, lasts=timedelta(hours=hours), reason=clean(settings, reason) or "", tenant=tenant
    )
    until = f"{made.ends_at:%Y-%m-%d %H:%M} UTC"
    _tell(made, f"{made.id}: {made.delegate} decides for {made.delegator} until {until}", json=json)


@delegations.command("revoke")
def revoke(
    delegation: Annotated[str, typer.Argument(help="Its id, e.g. dlg_0193…")],
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """End a delegation now."""
    from interfaces.bootstrap.governance import make_delegations

    settings, person = acting(api_key, key_file, "revoking")
    make_delegations(settings).revoke(delegation, person)
    _tell({"id": delegation, "revoked": True}, f"{delegation} is revoked", json=json)


@delegations.command("list")
def list_delegations(json: Json = False) -> None:
    """List who decides for whom."""
    from interfaces.bootstrap.governance import make_delegations
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    found = make_delegations(load_settings()).all()
    if json:
        print_json(found)
        return
    rows = [
        (
            d.id,
            d.delegator,
            d.delegate,
            d.tenant or "*",
            f"{d.ends_at:%Y-%m-%d %H:%M}",
            "revoked" if d.revoked_at else "",
        )
        for d in found
    ]
    empty = "nothing is delegated: `vigia delegations add` does it"
    print_table("delegations", ("id", "from", "to", "tenant", "until", ""), rows, empty=empty)


def _tell(made: object, text: str, *, json: bool) -> None:
    from interfaces.terminal.output import print_json, print_text

    if json:
        print_json(made)
    else:
        print_text(text)


def _of(spent: float, limit: float | None) -> str:
    return f"{spent:g}" if limit is None else f"{spent:g} of {limit:g}"
