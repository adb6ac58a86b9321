"""`vigia audit witness …`: for whoever watches somebody else's log. Needs no database and none of our settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.options import Json

if TYPE_CHECKING:
    from audit.witness import Witness

app = typer.Typer(help="Cosign the checkpoints of a log that only grows.", no_args_is_help=True)

Name = Annotated[str, typer.Option(help="The witness's name, e.g. witness.example/w1.")]
KeyPath = Annotated[Path, typer.Option("--key-file", help="Its private key; made when there is none.")]
State = Annotated[Path, typer.Option(help="The file that keeps the head signed last.")]
Logs = Annotated[list[str], typer.Option("--log", help="The verifier key of a log to watch; may be repeated.")]


@app.command("key")
def key(name: Name, key_file: KeyPath) -> None:
    """Print the witness's verifier key, to be handed to the log's owner and its readers."""
    from audit.cosignature import Cosigner
    from audit.keys import load_or_create_key

    typer.echo(Cosigner(name, load_or_create_key(key_file)).verifier.verifier_key)


@app.command("cosign")
def cosign(
    *,
    name: Name,
    key_file: KeyPath,
    state: State,
    log: Logs,
    request: Annotated[Path | None, typer.Argument(help="A request (`vigia audit prove --from N`); or stdin.")] = None,
    json: Json = False,
) -> None:
    """Sign a checkpoint if it continues the one signed last; else say why not, and exit 1."""
    import sys

    from interfaces.terminal.output import print_json

    text = request.read_text(encoding="utf-8") if request else sys.stdin.read()
    line = _witness(name, key_file, state, log).add_checkpoint(text)
    if json:
        print_json({"witness": name, "line": line})
    else:
        typer.echo(line, nl=False)


@app.command("serve")
def serve(
    *,
    name: Name,
    key_file: KeyPath,
    state: State,
    log: Logs,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8090,
) -> None:
    """Answer `POST /add-checkpoint` (c2sp.org/tlog-witness)."""
    from interfaces.bootstrap.listening import require_free
    from interfaces.bootstrap.process import run_http
    from interfaces.bootstrap.unkept import unkept_redaction
    from interfaces.http.witness import witness_app

    require_free(host, port, setting="--port")
    run_http(witness_app(_witness(name, key_file, state, log), unkept_redaction().redact), host=host, port=port)


def _witness(name: str, key_file: Path, state: Path, logs: list[str]) -> Witness:
    from audit.checkpoint import NoteVerifier
    from audit.cosignature import Cosigner
    from audit.keys import load_or_create_key
    from audit.witness import Witness
    from foundation.clock import SystemClock

    watched = [NoteVerifier.from_key(one) for one in logs]
    return Witness(Cosigner(name, load_or_create_key(key_file)), state, watched, SystemClock())
