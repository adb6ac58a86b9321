"""Runbooks as reviewed files: found by cause, and made richer by every incident they were used in."""

from __future__ import annotations

from pathlib import Path

from agents.runbooks.files import one_writer, write_atomically
from agents.runbooks.markdown import draft, parse, render, with_entry
from agents.runbooks.types import Runbook, RunbookEntry
from foundation.errors import InvalidInput
from foundation.telemetry.logs import get_logger

log = get_logger(__name__)

SHIPPED = Path(__file__).parent / "shipped"


class RunbookLibrary:
    """The runbooks of `directory`. `seed` puts the shipped ones there once; after that the files belong to people."""

    def __init__(self, directory: Path, *, default_owner: str = "ml-platform-oncall") -> None:
        self._directory = directory
        self._default_owner = default_owner

    def seed(self) -> list[str]:
        """Copy shipped runbooks that are not there yet; returns their names."""
        with one_writer(self._directory):
            missing = [p for p in sorted(SHIPPED.glob("*.md")) if not (self._directory / p.name).exists()]
            for path in missing:
                write_atomically(self._directory / path.name, path.read_text(encoding="utf-8"))
        return [path.name for path in missing]

    def all(self) -> list[Runbook]:
        """Raises InvalidInput for a file whose front matter cannot be used."""
        return [parse(path.name, path.read_text(encoding="utf-8")) for path in sorted(self._directory.glob("*.md"))]

    def find(self, cause: str) -> Runbook | None:
        """The runbook of `cause`. A file that somebody is in the middle of editing is passed over: it must not stand
        in the way of an incident."""
        for path in sorted(self._directory.glob("*.md")):
            try:
                runbook = parse(path.name, path.read_text(encoding="utf-8"))
            except InvalidInput as error:
                log.warning("runbook passed over", reason=error.message)
                continue
            if runbook.head.cause == cause:
                return runbook
        return None

    def record(self, entry: RunbookEntry) -> Runbook:
        """Count the incident and append it to its cause's runbook, drafting one if there is none. An incident that
        the runbook tells of already changes nothing. Raises InvalidInput when the file is there but broken."""
        with one_writer(self._directory):
            file = entry.cause.replace("_", "-") + ".md"
            known = self.find(entry.cause)
            if known is None and (self._directory / file).exists():
                parse(file, (self._directory / file).read_text(encoding="utf-8"))
            known = known or draft(file, entry, self._default_owner)
            richer = with_entry(known, entry)
            if richer is not known:
                write_atomically(self._directory / richer.file, render(richer))
        return richer
