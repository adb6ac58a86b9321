"""`vigia rollouts …`: how a new version comes to its traffic, what guards it, and how it goes again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, acting

if TYPE_CHECKING:
    from interfaces.bootstrap.rollouts import Asked, RolloutDesk
    from platform_core.access.principals import Principal
    from platform_core.operations.rollout_spec import RolloutGuard

app = typer.Typer(help="Roll model versions out, watched by guards; halt, promote, roll back.", no_args_is_help=True)

Endpoint = Annotated[str, typer.Argument(help="Of the endpoint, e.g. fraud-br.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log, and read by those who approve.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait for the worker to take a request up.", min=0)]


@app.command("list")
def show_all(json: Json = False) -> None:
    """List the endpoints: what each serves, what is rolled out there, and what the guards advise."""
    from interfaces.bootstrap.rollouts import rollout_desk
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    found = rollout_desk(load_settings()).verdicts()
    if json:
        print_json(found)
        return
    rows = [
        (
            v.endpoint,
            v.champion,
            v.candidate or "-",
            v.strategy if v.candidate else "-",
            v.state,
            f"{v.percent} %",
            v.why,
        )
        for v in found
    ]
    columns = ("endpoint", "champion", "candidate", "strategy", "state", "share", "")
    print_table("rollouts", columns, rows, empty="there is no endpoint yet: the platform's resources bring them")


@app.command("show")
def show(endpoint: Endpoint, json: Json = False) -> None:
    """Show one endpoint's rollout with the figures of every guard."""
    from interfaces.bootstrap.rollouts import rollout_desk
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table, print_text

    (verdict,) = rollout_desk(load_settings()).verdicts(endpoint)
    if json:
        print_json(verdict)
        return
    print_text(f"{verdict.endpoint} serves {verdict.model} {verdict.champion}")
    if verdict.candidate is not None:
        since = f" since {verdict.since:%Y-%m-%d %H:%M} UTC" if verdict.since else ""
        print_text(
            f"{verdict.strategy} {verdict.candidate}: {verdict.state}, {verdict.percent} % of the entities{since}"
        )
    rows = [
        (
            g.metric,
            g.standing,
            _figure(g.candidate),
            _figure(g.champion),
            f"{g.low:+.4f} … {g.high:+.4f}",
            f"{g.limit:g}" + (f" over {g.threshold:g}" if g.threshold is not None else ""),
            f"{g.candidate_count} / {g.champion_count}",
        )
        for g in verdict.guards
    ]
    columns = ("guard", "", "candidate", "champion", "difference, at any look", "limit", "observations")
    if rows:
        print_table("guards", columns, rows, empty="")
    print_text(f"{verdict.advice}: {verdict.why}")


@app.command("history")
def history(
    endpoint: Annotated[str | None, typer.Argument(help="Of the endpoint; all when not given.")] = None,
    json: Json = False,
) -> None:
    """List what was rolled out in the last 60 days, each step with who took it and why."""
    from interfaces.bootstrap.rollouts import rollout_desk
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    found = rollout_desk(load_settings()).history(endpoint)
    if json:
        print_json(found)
        return
    rows = [
        (
            past.endpoint.rsplit(":", 1)[1],
            past.version,
            past.strategy,
            f"{s.at:%Y-%m-%d %H:%M:%S}",
            s.step,
            s.by,
            s.reason,
        )
        for past in found
        for s in past.steps
    ]
    columns = ("endpoint", "version", "strategy", "at (UTC)", "step", "by", "why")
    empty = "nothing was rolled out in the last 60 days: `vigia rollouts start` asks for it"
    print_table("rollouts", columns, rows, empty=empty)


@app.command("scored")
def scored(
    request: Annotated[str, typer.Argument(help="The request's id, as its caller chose it.")],
    days: Annotated[int, typer.Option(help="How far back to look.", min=1, max=400)] = 2,
    json: Json = False,
) -> None:
    """Show which version scored a request, from which features, trained on what, and what was rolled out then."""
    from interfaces.bootstrap.rollouts import rollout_desk
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    found = rollout_desk(load_settings()).scored(request, days=days)
    if json:
        print_json(found)
        return
    for one in found:
        decision = "declined" if one.declined else "approved"
        print_text(
            f"{one.at:%Y-%m-%d %H:%M:%S} UTC {one.endpoint}: {one.model} {one.version} ({one.variant}), "
            f"score {one.score:.6f}, {decision}" + (f", by {one.fallback}" if one.fallback else "")
        )
        print_text(f"  trained on {one.training_data_digest or 'what nobody knows'}")
        if one.change is not None:
            print_text(f"  as of {one.change.at:%Y-%m-%d %H:%M:%S} UTC: {one.change.summary} by {one.change.author}")
        for name, score in one.shadow_scores.items():
            print_text(f"  version {name} scored {score:.6f} beside it")
        for name, value in one.features.items():
            print_text(f"  {name} = {'null' if value is None else f'{value:g}'}")


@app.command("start")
def start(  # noqa: PLR0917 - one per option
    endpoint: Endpoint,
    version: Annotated[str, typer.Argument(help="Of the model, as the registry numbers it.")],
    reason: Reason,
    strategy: Annotated[str, typer.Option(help="canary, shadow, champion_challenger or blue_green.")] = "canary",
    percent: Annotated[
        int | None, typer.Option(help="Of the entities; 5 by default, 0 for shadow and blue/green.")
    ] = None,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=LIMIT[@THRESHOLD]", help="e.g. decline_rate=0.03 or latency=0.05@250; repeatable."
        ),
    ] = None,
    wait: Wait = 60.0,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Ask for a version to be rolled out; in production somebody else approves it."""
    chosen = _strategy(strategy)
    share = percent if percent is not None else (5 if chosen in ("canary", "champion_challenger") else 0)
    guards = tuple(_guard(text) for text in guard) if guard else None
    desk, person = _desk_and_person(api_key, key_file, "a rollout")
    asked = desk.start(endpoint, version, person, reason, strategy=chosen, percent=share, guards=guards, wait=wait)
    _print(asked, json=json)


@app.command("halt")
def halt(
    endpoint: Endpoint, reason: Reason, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False
) -> None:
    """Give all traffic back to the champion, now. Always allowed: it takes nobody's approval."""
    from interfaces.bootstrap.rollouts import Asked
    from platform_core.serving.rollouts.halting import spec_of

    desk, person = _desk_and_person(api_key, key_file, "halting")
    spec = spec_of(desk.halt(endpoint, person, reason))
    said = f"version {spec.champion} answers everything; version {spec.canary} is kept, halted"
    _print(Asked(endpoint=endpoint, halted=True, summary=said), json=json)


def _add_asking(
    name: str, what: str, ask: Callable[[RolloutDesk, str, Principal, str, float], Asked], said: str
) -> None:
    """A command that asks the desk for the next step of a rollout, and waits for the worker to take it up."""

    @app.command(name, help=said)
    def command(  # noqa: PLR0917 - one per option
        endpoint: Endpoint,
        reason: Reason,
        wait: Wait = 60.0,
        api_key: ApiKey = None,
        key_file: KeyFile = None,
        json: Json = False,
    ) -> None:
        desk, person = _desk_and_person(api_key, key_file, what)
        _print(ask(desk, endpoint, person, reason, wait), json=json)


_add_asking(
    "rollback",
    "a rollback",
    lambda desk, endpoint, person, reason, wait: desk.roll_back(endpoint, person, reason, wait=wait),
    "Halt what is rolled out, now, and ask for its end; after a promotion, ask for the champion of before.",
)
_add_asking(
    "promote",
    "a promotion",
    lambda desk, endpoint, person, reason, wait: desk.promote(endpoint, person, reason, wait=wait),
    "Ask for the candidate to become the champion; in production somebody else approves it.",
)


def _desk_and_person(api_key: str | None, key_file: Path | None, what: str) -> tuple[RolloutDesk, Principal]:
    from interfaces.bootstrap.rollouts import rollout_desk

    settings, person = acting(api_key, key_file, what)
    return rollout_desk(settings), person


def _print(asked: Asked, *, json: bool) -> None:
    from interfaces.terminal.output import print_json, print_text

    if json:
        print_json(asked)
        return
    if asked.halted:
        print_text(f"{asked.endpoint} is halted: its champion answers everything")
    if asked.request is None:
        print_text(asked.summary)
    elif asked.status == "pending":
        print_text(f"{asked.incident}: {asked.summary}\n  waits for approval: vigia approvals approve {asked.request}")
    else:
        print_text(f"{asked.incident}: {asked.summary}; {asked.request} is {asked.status}")


def _strategy(name: str) -> str:
    """Raises InvalidInput, naming the nearest."""
    from typing import get_args

    from foundation.errors import InvalidInput
    from foundation.nearest import did_you_mean
    from platform_core.operations.rollout_spec import RolloutStrategy

    plain, known = name.strip().lower().replace("-", "_").replace("/", "_"), get_args(RolloutStrategy)
    if plain not in known:
        raise InvalidInput(f"{name[:40]!r} is not a strategy", hint=did_you_mean(plain, known))
    return plain


def _guard(text: str) -> RolloutGuard:
    """`METRIC=LIMIT` or `METRIC=LIMIT@THRESHOLD`. Raises InvalidInput."""
    from pydantic import ValidationError

    from foundation.errors import InvalidInput
    from platform_core.operations.rollout_spec import RolloutGuard

    metric, _, figures = text.partition("=")
    limit, _, threshold = figures.partition("@")
    try:
        given = {"metric": metric.strip(), "limit": limit, "threshold": threshold or None}
        return RolloutGuard.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        hint = "for instance decline_rate=0.03, score=0.25, errors=0.02, latency=0.05@250, declined_amount=5@500"
        raise InvalidInput(f"--guard {text[:80]!r}: {problem['msg']}", hint=hint) from error


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
