"""`vigia redact`: the redaction of every boundary, tried on any text; `vigia redact reveal`: who a pseudonym is.

`vigia redact [--json] [TEXT]` is the group's unnamed command, so that the text needs no word before it.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

_UNNAMED = "text"
_BYTES_PER_CHARACTER = 4


class _TextFirst(TyperGroup):
    """What is no command of the group is the text's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, "-h", "--help"}:
            args = [_UNNAMED, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_TextFirst, help="Replace personal data and secrets in a text; reveal a pseudonym.")


@app.command(_UNNAMED)
def redact(
    text: Annotated[str | None, typer.Argument(help="The text; standard input when not given.")] = None,
    json: Json = False,
) -> None:
    """Replace personal data in a text, as before anything leaves the house (the word `text` may be left out).

    With --json: the redacted text and the spans (entity, start, end, score, validator, disguise). A text that cannot be
    looked at whole, be it for its size or an error, is withheld: nothing is printed, and the exit code is 1.
    """
    from interfaces.bootstrap.redaction import redactor
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    settings = load_settings()
    source = _standard_input(settings.redaction.max_characters) if text is None else text
    found = redactor(settings).redaction(source)
    if json:
        print_json(found)
    elif text is None:
        # As it came, byte for byte, also where it is no UTF-8.
        sys.stdout.buffer.write(found.text.encode("utf-8", "surrogateescape"))
    else:
        typer.echo(found.text)


@app.command("reveal")
def reveal(
    pseudonym: Annotated[str, typer.Argument(help="e.g. CPF_7f3a")],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    api_key: ApiKey = None,
    key_file: KeyFile = None,
) -> None:
    """Print what a pseudonym stands for. For approvers and admins, and audited."""
    from interfaces.bootstrap.reveal import reveal as revealed
    from interfaces.settings import load_settings
    from interfaces.terminal.safety import safe_text

    key = person_key(api_key, key_file, "a reveal")
    found = revealed(load_settings(), pseudonym, api_key=key, reason=reason)
    typer.echo(safe_text(found.value.get_secret_value()))


def _standard_input(max_characters: int) -> str:
    """Standard input, one character more than may be looked at at most: the redactor refuses that one."""
    data = sys.stdin.buffer.read(max_characters * _BYTES_PER_CHARACTER + 1)
    return data.decode("utf-8", "surrogateescape")
