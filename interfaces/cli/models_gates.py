"""`vigia models gate | gates | promote | demote | retrain`: what a version must show, and moving it.

Exit code 1 when the gates were not passed.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.features import moments
from interfaces.cli.options import ApiKey, Json, KeyFile, acting, clean

if TYPE_CHECKING:
    from guardrails.approvals.types import ApprovalRequest
    from platform_core.training.gates.verdicts import GateVerdict, PromotionReview
    from platform_core.training.types import Stage

Name = Annotated[str, typer.Argument(help="Of the model, e.g. fraud_score.")]
Version = Annotated[str, typer.Argument(help="Its number, e.g. 4.")]
To = Annotated[str, typer.Option(help="staging or production.")]

app = typer.Typer()
SHOWN = {"passed": "passed", "failed": "FAILED", "could_not_be_judged": "could not be judged"}


@app.command("gate")
def gate(
    name: Name, version: Version, *, to: To, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False
) -> None:
    """Put a version before the gates of a stage; what they say is stored and audited."""
    from interfaces.bootstrap.promotion import judge
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    settings = load_settings()
    actor = _somebody(api_key, key_file)

    def told(verdict: GateVerdict) -> None:
        if not json:
            print_text(f"{verdict.gate}: {SHOWN[verdict.outcome]}")

    review = judge(settings, name, version, _stage(to), actor=actor, told=told)
    if json:
        print_json({**review.model_dump(mode="json"), "outcome": review.outcome})
    else:
        print_review(review)
        print_text(_next(review))
    if not review.passed:
        raise typer.Exit(1)


@app.command("gates")
def gates(name: Name, version: Version, json: Json = False) -> None:
    """Show every review that the version has had, newest first."""
    from interfaces.bootstrap.promotion import reviews_of
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    found = reviews_of(load_settings(), name, version)
    if json:
        print_json([{**review.model_dump(mode="json"), "outcome": review.outcome} for review in found])
        return
    if not found:
        print_text(f"{name} version {version} was never judged: vigia models gate {name} {version} --to staging")
    for review in found:
        print_review(review)


@app.command("promote")
def promote(
    name: Name, version: Version, *, to: To, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False
) -> None:
    """Move a version that passed its gates: into staging at once, into production by an approval of somebody else."""
    from interfaces.bootstrap.promotion import promote_to_staging, propose_production
    from interfaces.terminal.output import print_json, print_text

    settings, person = acting(api_key, key_file, "a promotion")
    if _stage(to) == "staging":
        moved = promote_to_staging(settings, name, version, person)
        if json:
            print_json({"name": name, "version": version, "stage": moved.stage})
        else:
            print_text(f"{name} version {version} is in {moved.stage}")
        return
    _asked(propose_production(settings, name, version, person), json=json)


@app.command("demote")
def demote(
    name: Name, version: Version, *, api_key: ApiKey = None, key_file: KeyFile = None, json: Json = False
) -> None:
    """Take a version a stage down: from staging to dev at once, out of production by an approval of somebody else."""
    from interfaces.bootstrap.promotion import demote_to_dev, propose_demotion
    from interfaces.terminal.output import print_json, print_text

    settings, person = acting(api_key, key_file, "a demotion")
    asked = propose_demotion(settings, name, version, person)
    if asked is not None:
        _asked(asked, json=json)
        return
    moved = demote_to_dev(settings, name, version, person)
    if json:
        print_json({"name": name, "version": version, "stage": moved.stage})
    else:
        print_text(f"{name} version {version} is in {moved.stage}")


@app.command("retrain")
def retrain(
    name: Name,
    *,
    because: Annotated[str | None, typer.Option(help="Why, when it is not for drift or decay.")] = None,
    since: Annotated[str | None, typer.Option(help="Train on nothing older, e.g. 2026-11-12T00:00:00Z.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what speaks for it.")] = False,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Propose a training of the version in production: for drift or decay, if there is any, or for your own reason.

    The new version comes out in stage dev. Nothing is trained before somebody else approves it.
    """
    from foundation.errors import Conflict
    from foundation.reasons import reason_if_any
    from interfaces.bootstrap.promotion import propose_retraining, retraining_findings
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    settings = load_settings()
    began: datetime | None = None if since is None else moments.moment_of(since, "--since")
    person = None if check else acting(api_key, key_file, "a retraining")[1]
    why = reason_if_any("a retraining", clean(settings, because))
    if why is None:
        found = retraining_findings(settings, name)
        why = "; ".join(found.reasons) or None
        if json and check:
            print_json({**found.model_dump(mode="json"), "reasons": found.reasons})
        elif not json:
            rows = [(v.gate, SHOWN[v.outcome], v.said) for v in found.verdicts]
            print_table(f"{name} version {found.version}", ("finding", "", "what was found"), rows, empty="")
    if person is None:
        return
    if why is None:
        raise Conflict(f"nothing speaks for training {name} again", hint="--because TEXT, if you know better")
    _asked(propose_retraining(settings, name, why, since=began, requested_by=person.id), json=json)


def print_review(review: PromotionReview) -> None:
    from interfaces.terminal.output import print_table, print_text

    against = "no champion" if review.champion is None else f"version {review.champion}"
    title = f"{review.name} version {review.version} for {review.to_stage}, against {against} ({review.id})"
    rows = [(v.gate, SHOWN[v.outcome], v.said, _limits(v)) for v in review.verdicts]
    print_table(title, ("gate", "verdict", "what was found", "limits"), rows, empty="no gate was run")
    print_text(_decided_at(review))
    print_text(f"{SHOWN[review.outcome]}, by {review.judged_by} at {review.judged_at:%Y-%m-%d %H:%M:%S} UTC")


def _decided_at(review: PromotionReview) -> str:
    """Which decline thresholds it was judged by, and whose."""
    if not review.thresholds:
        return f"no endpoint serves {review.name}: each version is judged at its own decline threshold"
    whose: dict[float, list[str]] = {}
    for endpoint, value in sorted(review.thresholds.items()):
        whose.setdefault(value, []).append(endpoint)
    said = "; ".join(f"{', '.join(names)} from {value:g} on" for value, names in sorted(whose.items()))
    return f"judged as the endpoints decline: {said}"


def _next(review: PromotionReview) -> str:
    if review.passed:
        return f"next: vigia models promote {review.name} {review.version} --to {review.to_stage}"
    return "what could not be judged asks for more data or a store that answers; what failed for another version"


def _limits(verdict: GateVerdict) -> str:
    return ", ".join(f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}" for n, v in verdict.limits.items())


def _asked(request: ApprovalRequest, *, json: bool) -> None:
    from interfaces.terminal.output import print_json
    from interfaces.terminal.proposal import print_approval

    if json:
        print_json(request)
        return
    print_approval(request)
    typer.echo(f"somebody else decides: vigia approvals approve {request.id}")


def _stage(value: str) -> Stage:
    from foundation.errors import InvalidInput

    if value == "staging" or value == "production":  # noqa: PLR1714 - this is how the type is narrowed
        return value
    raise InvalidInput(f"{value!r} is not a stage to go to", hint="staging or production")


def _somebody(api_key: str | None, key_file: Path | None) -> str:
    """Who asks the gates. Looking changes nothing, so no key is needed: then it is the account that runs this."""
    if api_key is None and key_file is None:
        return moments.person()
    return acting(api_key, key_file, "a review")[1].id
