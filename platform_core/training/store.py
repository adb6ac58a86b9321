"""The signed directories of all versions, under one root."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from foundation.errors import Conflict
from platform_core.training.artifacts import (
    MAX_BYTES,
    Artifact,
    open_artifact,
    read_unsigned,
    replace_files,
    write_directory,
)
from platform_core.training.directory import AGAIN
from platform_core.training.manifest import MANIFEST_FILE, NOTE_FILE, make_manifest, write_manifest
from platform_core.training.signing import ModelKeys
from platform_core.training.types import ModelSignature, ModelVersion


class ModelStore:
    """`directory` holds `<name>/<version>/`. A version of more than `max_bytes` is not read."""

    def __init__(self, directory: Path, keys: ModelKeys, *, max_bytes: int = MAX_BYTES) -> None:
        self._directory = directory
        self._keys = keys
        self._max_bytes = max_bytes

    def write(
        self,
        signature: ModelSignature,
        files: Mapping[str, bytes],
        *,
        name: str,
        version: str,
        created_at: datetime,
        created_by: str,
    ) -> None:
        """Signed. Raises Unavailable."""
        manifest = make_manifest(
            signature, files, name=name, version=version, created_at=created_at, created_by=created_by
        )
        signed = self._signed(name, version, write_manifest(manifest))
        write_directory(self._directory / name / version, {**files, **signed})

    def open(self, registered: ModelVersion) -> Artifact:
        """Raises Conflict when it is not signed by a key that is trusted, or is not the one that was registered."""
        name, version = registered.name, registered.version
        directory = self._directory / name / version
        artifact = open_artifact(directory, self._keys, name=name, version=version, max_bytes=self._max_bytes)
        if {file: entry.sha256 for file, entry in artifact.manifest.files.items()} != registered.files:
            raise Conflict(
                f"{str(directory)!r} holds a signed model that is not the one registered as {name} version {version}",
                hint=AGAIN,
            )
        return artifact

    def seal(self, registered: ModelVersion) -> dict[str, bytes]:
        """Manifest and note for a directory that has no note, or one by a key that is lost; nothing is written.

        Raises Conflict when its files are not those that were registered.
        """
        name, version = registered.name, registered.version
        directory = self._directory / name / version
        what = f"{name} version {version}"
        files = read_unsigned(directory, registered.files, what=what, max_bytes=self._max_bytes)
        manifest = make_manifest(
            registered.signature,
            files,
            name=name,
            version=version,
            created_at=registered.created_at,
            created_by=registered.created_by,
        )
        return self._signed(name, version, write_manifest(manifest))

    def put(self, registered: ModelVersion, seal: Mapping[str, bytes]) -> None:
        """What `seal` made, into the version's directory. Raises Unavailable."""
        replace_files(self._directory / registered.name / registered.version, seal)

    def _signed(self, name: str, version: str, manifest: bytes) -> dict[str, bytes]:
        return {MANIFEST_FILE: manifest, NOTE_FILE: self._keys.sign(name, version, manifest).encode()}
