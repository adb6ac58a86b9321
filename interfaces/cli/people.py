"""`vigia principals …`: who may use this."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from interfaces.cli.options import Json

if TYPE_CHECKING:
    from interfaces.settings import Settings
    from platform_core.access.keys import StoredKey
    from platform_core.access.principals import Grant

app = typer.Typer(help="Who may look, score, decide and configure: people, services, agents.", no_args_is_help=True)


Who = Annotated[str, typer.Argument(help="alice, or with its kind: human:alice, service:checkout, agent:incident.")]
Roles = Annotated[
    list[str], typer.Option("--role", help="viewer, caller, responder, oncall, approver or admin; may be repeated.")
]
Tenants = Annotated[list[str], typer.Option("--tenant", help="A tenant they act for, or '*' for all; may be repeated.")]
Environments = Annotated[
    list[str] | None,
    typer.Option("--environment", help="dev, staging or production; may be repeated; all of them when not given."),
]
NewKeyFile = Annotated[
    Path | None, typer.Option(help="Write the key to this new file, for its owner only, instead of printing it.")
]
By = Annotated[
    Path | None,
    typer.Option("--as", help="A file with your own API key: the change is then an admin's, and kept as theirs."),
]


@app.command("add")
def add(
    name: Who,
    role: Roles,
    tenant: Tenants,
    slack_user: Annotated[str | None, typer.Option(help="Their Slack user id, e.g. U02ABCDEF.")] = None,
    *,
    environment: Environments = None,
    key_file: NewKeyFile = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Add a person, a service or an agent and print their API key, once: the file of people holds only its hash."""
    from interfaces.bootstrap.people import people_file
    from interfaces.principals import make_grant

    who, grant = _id(name), make_grant(role, tenant, environment or ())
    with people_file(_settings(), by) as people, _new_file(key_file) as written:
        key = people.add(who, grant, slack_user_id=slack_user)
        if written is not None:
            written.write(f"{key}\n")
    _tell_key(f"{who} was added", who, key, key_file, json=json)


@app.command("grant")
def grant(
    name: Who, role: Roles, tenant: Tenants, *, environment: Environments = None, by: By = None, json: Json = False
) -> None:
    """Give somebody further roles, for other tenants or environments than those they have."""
    from interfaces.bootstrap.people import people_file
    from interfaces.principals import make_grant

    with people_file(_settings(), by) as people:
        people.grant(_id(name), make_grant(role, tenant, environment or ()))
    _tell(f"{_id(name)} was granted more", {"principal": _id(name)}, json=json)


@app.command("rotate")
def rotate(
    name: Who,
    overlap: Annotated[str, typer.Option(help="How long the old keys still work: 1h, 7d; 0 ends them now.")] = "24h",
    key_file: NewKeyFile = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Make somebody a new key; the old ones go on working for a while, so that nothing stops."""
    from datetime import timedelta

    from interfaces.bootstrap.people import people_file
    from platform_core.catalog.durations import parse_duration

    span = timedelta(0) if overlap.strip() == "0" else parse_duration(overlap)
    with people_file(_settings(), by) as people, _new_file(key_file) as written:
        key = people.rotate(_id(name), overlap=span)
        if written is not None:
            written.write(f"{key}\n")
    _tell_key(f"{_id(name)} has a new key; those before end in {overlap}", _id(name), key, key_file, json=json)


@app.command("revoke")
def revoke(
    name: Who,
    key: Annotated[str | None, typer.Option(help="The id of one key (see list); all of them when not given.")] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Take keys away at once: every process refuses them within a second."""
    from interfaces.bootstrap.people import people_file

    with people_file(_settings(), by) as people:
        gone = people.revoke(_id(name), key)
    _tell(f"{_id(name)}: revoked {', '.join(gone)}", {"principal": _id(name), "revoked": gone}, json=json)


@app.command("remove")
def remove(name: Who, by: By = None, json: Json = False) -> None:
    """Take somebody out altogether, keys and all."""
    from interfaces.bootstrap.people import people_file

    with people_file(_settings(), by) as people:
        people.remove(_id(name))
    _tell(f"{_id(name)} was removed", {"principal": _id(name)}, json=json)


def _id(name: str) -> str:
    return name if ":" in name else f"human:{name}"


def _settings() -> Settings:
    from interfaces.settings import load_settings

    return load_settings()


def _tell_key(text: str, who: str, key: str, key_file: Path | None, *, json: bool) -> None:
    if key_file is not None:
        _tell(f"{text}; the API key is in {key_file}", {"principal": who}, json=json)
    else:
        _tell(f"{text}; the API key is shown only now:\n{key}", {"principal": who, "api_key": key}, json=json)


def _tell(text: str, document: dict[str, Any], *, json: bool) -> None:
    from interfaces.terminal.output import print_json

    if json:
        print_json(document)
    else:
        typer.echo(text)


@contextmanager
def _new_file(path: Path | None) -> Generator[TextIO | None]:
    """Opened before anybody is added, for its owner only, and taken away again when that fails."""
    from foundation.errors import Conflict

    if path is None:
        yield None
        return
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError as error:
        raise Conflict(f"{path} is there already", hint="choose another file for the key") from error
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@app.command("list")
def show(json: Json = False) -> None:
    """List them, with what they hold where, and their keys' ids."""
    from interfaces.principals import PrincipalsFile
    from interfaces.terminal.output import print_json, print_table

    everybody = PrincipalsFile(_settings().principals_file).grants()
    if json:
        shown = [
            _sorted(each.model_dump(mode="json", exclude={"api_key_sha256", "api_keys", "grants"}))
            | {"grants": [_sorted(grant.model_dump(mode="json")) for grant in each.grants]}
            | {"keys": [key.model_dump(mode="json", exclude={"sha256"}) for key in each.keys]}
            for each in everybody
        ]
        print_json(shown)
        return
    rows = [
        (each.id, "\n".join(map(_granted, each.all_grants)), "\n".join(map(_key_line, each.keys)), each.slack_user_id)
        for each in everybody
    ]
    print_table("principals", ("id", "may", "keys", "slack"), rows, empty="nobody yet: vigia principals add")


def _sorted(shown: dict[str, Any]) -> dict[str, Any]:
    """Sets in one order always, so that two lists can be compared."""
    return {
        name: sorted(cast("list[str]", value)) if isinstance(value, list) else value for name, value in shown.items()
    }


def _granted(grant: Grant) -> str:
    from platform_core.access.principals import ENVIRONMENTS

    where = "" if grant.environments == ENVIRONMENTS else f" in {', '.join(sorted(grant.environments))}"
    return f"{', '.join(sorted(grant.roles))} for {', '.join(sorted(grant.tenants))}{where}"


def _key_line(key: StoredKey) -> str:
    return key.id if key.expires_at is None else f"{key.id} until {key.expires_at:%Y-%m-%d %H:%M} UTC"
