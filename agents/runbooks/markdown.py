"""How a runbook is written down: YAML front matter, sections for people, and a log of incidents at the end."""

from __future__ import annotations

from functools import lru_cache

import yaml
from pydantic import ValidationError

from agents.runbooks.types import FrontMatter, Runbook, RunbookEntry
from foundation.errors import InvalidInput

_FENCE = "---\n"
INCIDENTS = "## Incidents\n"


@lru_cache(maxsize=256)  # every card asks for its runbook, and the files hardly ever change
def parse(file: str, text: str) -> Runbook:
    """Raises InvalidInput, naming the file and what is wrong with its head."""
    if not text.startswith(_FENCE) or text.count(_FENCE) < 2:
        raise InvalidInput(f"{file}: no front matter", hint="begin with '---', cause, title, owner, '---'")
    head, body = text.removeprefix(_FENCE).split(_FENCE, 1)
    try:
        return Runbook(file=file, head=FrontMatter.model_validate(yaml.safe_load(head)), body=body.lstrip("\n"))
    except (ValidationError, yaml.YAMLError) as error:
        raise InvalidInput(f"{file}: front matter cannot be used: {error}") from error


def render(runbook: Runbook) -> str:
    head = yaml.safe_dump(runbook.head.model_dump(), sort_keys=False, allow_unicode=True)
    return f"{_FENCE}{head}{_FENCE}\n{runbook.body.rstrip()}\n"


def tells_of(runbook: Runbook, label: str) -> bool:
    return f"\n### {label} " in runbook.body


def with_entry(runbook: Runbook, entry: RunbookEntry) -> Runbook:
    """The runbook with the incident counted and appended; itself if it tells of this incident already."""
    if tells_of(runbook, entry.label):
        return runbook
    head = runbook.head.model_copy(
        update={
            "worked": runbook.head.worked + entry.worked,
            "failed": runbook.head.failed + (not entry.worked),
            "last_incident": entry.label,
        }
    )
    body = runbook.body.rstrip() + "\n"
    if INCIDENTS not in body:
        body += f"\n{INCIDENTS}"
    return runbook.model_copy(update={"head": head, "body": f"{body}\n{_section(entry)}"})


def draft(file: str, entry: RunbookEntry, owner: str) -> Runbook:
    """A first runbook for a cause that had none, from what this incident showed; a person should review it."""
    lines = [
        f"# {entry.cause_title}",
        "",
        f"> Drafted from {entry.label}. Review it before you rely on it.",
        "",
        "## Symptoms",
        *_bullets(entry.findings),
        "",
        "## Act",
        *_bullets((entry.action,)),
        "",
        "## Verify",
        *_bullets(entry.checks),
        "",
        "## Undo",
        *_bullets((entry.undo or "There is no undo for this action.",)),
    ]
    head = FrontMatter(cause=entry.cause, title=entry.cause_title, owner=owner)
    return Runbook(file=file, head=head, body="\n".join(lines) + "\n")


def _section(entry: RunbookEntry) -> str:
    verdict = "worked" if entry.worked else "did not work"
    lines = [
        f"### {entry.label} · {entry.at:%Y-%m-%d %H:%M} UTC · {verdict}",
        "",
        entry.title,
        "",
        *_bullets(entry.findings),
        f"- Done: {_line(entry.action)} (approved by {entry.approved_by})",
        *_bullets(entry.checks),
    ]
    return "\n".join(lines) + "\n"


def _bullets(lines: tuple[str, ...]) -> list[str]:
    return [f"- {_line(line)}" for line in lines]


def _line(text: str) -> str:
    # Findings may quote what tools returned: data from outside stays one line and opens no section.
    return " ".join(text.split())
