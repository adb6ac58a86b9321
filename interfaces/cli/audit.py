"""`vigia audit …`: read the log, and prove that nobody rewrote it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli import audit_witness
from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

app = typer.Typer(help="The log that nobody can rewrite.", no_args_is_help=True)
app.add_typer(audit_witness.app, name="witness")

Output = Annotated[Path | None, typer.Option("--output", "-o", help="A file; stdout when not given.")]
LogKey = Annotated[
    str | None, typer.Option("--key", help="The log's verifier key, as `vigia audit checkpoint --key` prints it.")
]
Export = Annotated[Path | None, typer.Option("--export", help="An export to read instead of the database.")]
Witnesses = Annotated[list[str] | None, typer.Option("--witness", help="A witness's verifier key; may be repeated.")]


@app.command("verify")
def verify(
    *,
    export: Export = None,
    key: LogKey = None,
    anchor: Annotated[
        list[Path] | None, typer.Option("--anchor", help="A file that holds checkpoints, in whatever text around them.")
    ] = None,
    witness: Witnesses = None,
    quorum: Annotated[int | None, typer.Option(help="Witnesses that must have signed; all when not given.")] = None,
    proof: Annotated[Path | None, typer.Option(help="A proof to check instead of a log.")] = None,
    leaf_hash: Annotated[str | None, typer.Option(help="Of the entry that --proof is about.")] = None,
    old: Annotated[Path | None, typer.Option(help="The older checkpoint that --proof continues.")] = None,
    json: Json = False,
) -> None:
    """Check every entry, every hash, the checkpoints and their copies; exit 1 when something does not hold.

    With --export or --proof nothing else is read: no database, no settings.
    """
    from foundation.errors import InvalidInput
    from interfaces.bootstrap.auditing import verify_file, verify_here, verify_proof
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    if proof is not None:
        if key is None:
            raise InvalidInput("a proof proves nothing without the log's key", hint="--key")
        head = verify_proof(proof, key=key, leaf_hash=leaf_hash, old=old, witnesses=witness or [], quorum=quorum)
        if json:
            print_json({"ok": True, "size": head.size, "root_hash": head.root_hash})
        else:
            typer.echo(f"the proof holds in the tree of {head.size} entries")
        return
    if export is not None:
        report = verify_file(export, key=key, anchors=anchor or [], witnesses=witness or [], quorum=quorum)
    else:
        report = verify_here(load_settings(), anchors=anchor or [])
    if json:
        print_json(report)
    elif report.ok:
        typer.echo(
            f"the audit log holds: {report.entries} entries, "
            f"{report.covered} of them vouched for by signed checkpoints ({report.checkpoints})"
            + f", {report.witnessed} by witnesses"
            + (f"; {report.pending} wait for their places" if report.pending else "")
        )
        if export is not None and key is None:
            typer.echo("the checkpoints' signatures were not checked: give --key", err=True)
        if report.steps_back:
            most = report.largest_step_back_seconds
            typer.echo(f"{report.steps_back} entries were recorded by a clock behind (by {most:g} s at most)", err=True)
    else:
        typer.echo(f"the audit log does not hold: {report.problem}", err=True)
    raise typer.Exit(0 if report.ok else 1)


@app.command("show")
def show(
    start: Annotated[int, typer.Option(help="First sequence number.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    incident: Annotated[str | None, typer.Option(help="Tell this incident, from the log alone.")] = None,
    export: Export = None,
    json: Json = False,
) -> None:
    """Print entries in their order, or an incident's story as its entries tell it."""
    from interfaces.bootstrap.auditing import incident_story, stored_entries
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    if incident is not None:
        story = incident_story(load_settings(), incident, export=export)
        if json:
            print_json(story)
            return
        ended = f", {story.outcome}" if story.outcome else ""
        title = f"{story.label} {story.title} ({story.status}{ended})"
        told = [(line.sequence, f"{line.at:%m-%d %H:%M:%S}", line.kind, line.actor, line.text) for line in story.lines]
        print_table(title, ("#", "at (UTC)", "what", "who", "in words"), told, empty="the log is empty")
        return
    entries = stored_entries(load_settings(), start=start, limit=limit)
    if json:
        print_json(entries)
        return
    rows = [
        (e.sequence, f"{e.recorded_at:%m-%d %H:%M:%S}", e.record.action, e.record.actor, e.record.subject)
        for e in entries
    ]
    print_table("audit", ("#", "at (UTC)", "action", "actor", "subject"), rows, empty="the log is empty")


@app.command("checkpoint")
def checkpoint(
    key: Annotated[bool, typer.Option("--key", help="Print the log's verifier key instead.")] = False,
    json: Json = False,
) -> None:
    """Print a signed checkpoint (C2SP signed note) of the log as it is now."""
    from audit.checkpoint import parse_note
    from interfaces.bootstrap.auditing import checkpoint_now, verifier_key
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    settings = load_settings()
    if key and not json:
        typer.echo(verifier_key(settings))
        return
    note = checkpoint_now(settings)
    if json:
        head = parse_note(note)
        shown = {"size": head.size, "root_hash": head.root_hash, "note": note, "key": verifier_key(settings)}
        print_json(shown)
    else:
        typer.echo(note, nl=False)


@app.command("prove")
def prove(
    sequence: Annotated[int | None, typer.Argument(help="The entry to prove.", min=0)] = None,
    old: Annotated[
        int | None, typer.Option("--from", help="Prove that the log only grew since it had so many entries.", min=0)
    ] = None,
    size: Annotated[int | None, typer.Option(help="In the checkpoint of this size; a fresh one if not given.")] = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Write a proof for somebody who has no access to the log: of one entry, or of the log's growth."""
    from foundation.errors import InvalidInput
    from interfaces.bootstrap.auditing import prove_entry, prove_growth
    from interfaces.settings import load_settings

    if (sequence is None) == (old is None):
        raise InvalidInput("prove what?", hint="a sequence number, or --from with an older size")
    if old is not None:
        growth = prove_growth(load_settings(), old, size=size)
        hashes, document = growth.hashes, {"old": old, "note": growth.note}
        text = growth.encoded()
    else:
        proof, leaf = prove_entry(load_settings(), sequence or 0, size=size)
        hashes, document = proof.hashes, {"entry": proof.entry, "leaf_hash": leaf, "note": proof.note}
        text = proof.encoded()
        if not json:
            typer.echo(f"leaf hash {leaf}", err=True)
    _write(text, document | {"hashes": [one.hex() for one in hashes]}, output, json=json)


@app.command("export")
def export(output: Output = None, json: Json = False) -> None:
    """Write every entry and every checkpoint, one line of JSON each; `verify --export` reads it anywhere."""
    import sys

    from interfaces.bootstrap.auditing import export_here
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    if output is None:
        export_here(load_settings(), sys.stdout)
        return
    with output.open("w", encoding="utf-8") as stream:
        count = export_here(load_settings(), stream)
    if json:
        print_json({"entries": count, "file": str(output)})
    else:
        typer.echo(f"{count} entries are in {output}")


@app.command("shred")
def shred(
    person: Annotated[str, typer.Argument(help="Whose personal fields become unreadable, e.g. human:alice.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the log. Do not name the person.")],
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Destroy a person's key: what was sealed for them can never be read again, and every proof stays valid."""
    from interfaces.bootstrap.auditing import shred_person
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    key = person_key(api_key, key_file, "shredding")
    destroyed = shred_person(load_settings(), person, reason=reason, key=key)
    if json:
        print_json({"person": person, "keys": destroyed})
    else:
        typer.echo(f"{destroyed} keys of {person} are destroyed")


def _write(text: str, document: Mapping[str, object], output: Path | None, *, json: bool) -> None:
    from interfaces.terminal.output import print_json

    if output is not None:
        output.write_text(text, encoding="utf-8")
    if json:
        print_json(document)
    elif output is None:
        typer.echo(text, nl=False)
