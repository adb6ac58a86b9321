"""The signed directories of all versions, under one root.

A version is written beside its place and flushed while nobody knows of it; then, in the transaction that registers it,
it is renamed into place, which takes no time. So a process that dies at any point leaves a whole version with its row,
or no row and something beside that the next registration takes away.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from foundation.errors import Conflict
from platform_core.training.artifacts import MAX_BYTES, Artifact, open_artifact, read_unsigned
from platform_core.training.directory import AGAIN, Fingerprint, fingerprint
from platform_core.training.manifest import MANIFEST_FILE, NOTE_FILE, make_manifest, write_manifest
from platform_core.training.signing import ModelKeys
from platform_core.training.staging import Staged, staged_files
from platform_core.training.types import ModelSignature, ModelVersion


class ModelStore:
    """`directory` holds `<name>/<version>/`. A version of more than `max_bytes` is not read."""

    def __init__(self, directory: Path, keys: ModelKeys, *, max_bytes: int = MAX_BYTES) -> None:
        self._directory = directory
        self._keys = keys
        self._max_bytes = max_bytes

    @contextmanager
    def written(
        self,
        signature: ModelSignature,
        files: Mapping[str, bytes],
        *,
        name: str,
        version: str,
        created_at: datetime,
        created_by: str,
    ) -> Generator[Staged]:
        """Signed and on the disk, but not in its place until `publish`. Raises Unavailable."""
        manifest = make_manifest(
            signature, files, name=name, version=version, created_at=created_at, created_by=created_by
        )
        signed = self._signed(name, version, write_manifest(manifest))
        with staged_files(self._place(name, version), {**files, **signed}) as staged:
            yield staged

    def open(self, registered: ModelVersion) -> Artifact:
        """Raises Conflict when it is not signed by a key that is trusted, or is not the one that was registered."""
        name, version = registered.name, registered.version
        directory = self._place(name, version)
        artifact = open_artifact(directory, self._keys, name=name, version=version, max_bytes=self._max_bytes)
        if {file: entry.sha256 for file, entry in artifact.manifest.files.items()} != registered.files:
            raise Conflict(
                f"{str(directory)!r} holds a signed model that is not the one registered as {name} version {version}",
                hint=AGAIN,
            )
        return artifact

    def examined(self, registered: ModelVersion) -> Fingerprint:
        """Checked as in `open`; with what comes of it, `untouched` tells at once whether that still holds."""
        before = self._fingerprint(registered)
        self.open(registered)
        if self._fingerprint(registered) != before:
            raise Conflict(f"{registered.name} version {registered.version} was changed while it was read", hint=AGAIN)
        return before

    def untouched(self, registered: ModelVersion, seen: Fingerprint) -> bool:
        """Whether no file was written, replaced, added or taken away since. Raises Unavailable."""
        return self._fingerprint(registered) == seen

    def seal(self, registered: ModelVersion) -> dict[str, bytes]:
        """Manifest and note for a directory that has no note, or one by a key that is lost; nothing is written.

        Raises Conflict when its files are not those that were registered.
        """
        name, version = registered.name, registered.version
        what = f"{name} version {version}"
        files = read_unsigned(self._place(name, version), registered.files, what=what, max_bytes=self._max_bytes)
        manifest = make_manifest(
            registered.signature,
            files,
            name=name,
            version=version,
            created_at=registered.created_at,
            created_by=registered.created_by,
        )
        return self._signed(name, version, write_manifest(manifest))

    @contextmanager
    def sealed(self, registered: ModelVersion, seal: Mapping[str, bytes]) -> Generator[Staged]:
        """What `seal` made, on the disk, but not in the version's directory until `put`. Raises Unavailable."""
        with staged_files(self._place(registered.name, registered.version), seal) as staged:
            yield staged

    def _place(self, name: str, version: str) -> Path:
        return self._directory / name / version

    def _fingerprint(self, registered: ModelVersion) -> Fingerprint:
        what = f"{registered.name} version {registered.version}"
        return fingerprint(self._place(registered.name, registered.version), what)

    def _signed(self, name: str, version: str, manifest: bytes) -> dict[str, bytes]:
        return {MANIFEST_FILE: manifest, NOTE_FILE: self._keys.sign(name, version, manifest).encode()}
