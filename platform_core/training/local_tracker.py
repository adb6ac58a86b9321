"""A tracker without MLflow: one JSON document per version in a directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from foundation.errors import Unavailable
from foundation.frozen import Frozen
from foundation.ids import new_id
from platform_core.training.tracking import (
    MANIFEST_TAG,
    VERSION_TAG,
    ExperimentTracker,
    Receipt,
    RemoteVersion,
    TrackedRun,
)
from platform_core.training.types import Stage


class _Run(Frozen):
    version: RemoteVersion
    files: dict[str, int] = Field(default_factory=dict)
    """Sizes in bytes: the files themselves are in the registry's directory, on the same disk."""


class LocalTracker(ExperimentTracker):
    """`directory` holds `<model>/<version>.json` and `<model>/aliases.json`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.address = directory.absolute().as_uri()

    def track(self, run: TrackedRun) -> Receipt:
        receipt = Receipt(run_id=run.tags[MANIFEST_TAG][:32], remote_version=run.version)
        version = RemoteVersion(
            name=run.model,
            version=run.version,
            run_id=receipt.run_id,
            source=f"registry:{run.model}/{run.version}",
            created_at=run.created_at,
            parameters=dict(run.parameters),
            metrics=dict(run.metrics),
            tags=dict(run.tags),
        )
        document = _Run(version=version, files={name: len(content) for name, content in run.files.items()})
        self._write(self._directory / run.model / f"{run.version}.json", document.model_dump_json(indent=2))
        return receipt

    def mirror(self, model: str, stages: Mapping[Stage, str]) -> None:
        aliases = _Aliases(stages={str(stage): version for stage, version in stages.items() if stage != "dev"})
        self._write(self._directory / model / "aliases.json", aliases.model_dump_json(indent=2))

    def models(self) -> list[str]:
        if not self._directory.is_dir():
            return []
        return sorted(path.name for path in self._directory.iterdir() if any(path.glob("[0-9]*.json")))

    def versions(self, model: str) -> list[RemoteVersion]:
        directory = self._directory / model
        aliases = directory / "aliases.json"
        try:
            named = _Aliases.model_validate_json(aliases.read_bytes()).stages if aliases.exists() else {}
            runs = [_Run.model_validate_json(path.read_bytes()) for path in directory.glob("[0-9]*.json")]
        except (OSError, ValidationError) as error:
            raise Unavailable(f"the runs of {model!r} in {str(self._directory)!r} cannot be read: {error}") from error
        return [
            run.version.model_copy(
                update={"aliases": tuple(sorted(a for a, v in named.items() if v == run.version.tags[VERSION_TAG]))}
            )
            for run in sorted(runs, key=lambda run: int(run.version.version))
        ]

    def _write(self, path: Path, text: str) -> None:
        partial = path.with_name(f".{path.name}.{new_id('new')}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            raise Unavailable(f"the run cannot be kept at {str(path)!r}: {error}") from error


class _Aliases(Frozen):
    stages: dict[str, str]
