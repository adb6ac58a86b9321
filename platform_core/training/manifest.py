"""The manifest of a model version's directory: what it is, and the digest of every file that belongs to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field, ValidationError

from foundation.canonical import canonical_bytes
from foundation.errors import Conflict
from foundation.frozen import Frozen
from platform_core.training.types import Flavor, ModelSignature

MODEL_FILE = "model.txt"
STEPS_FILE = "model.json"
SIGNATURE_FILE = "signature.json"
CARD_FILE = "card.md"
MANIFEST_FILE = "manifest.json"
NOTE_FILE = "manifest.note"


Varying = Literal["created_at", "created_by"]
VARIES: tuple[Varying, ...] = ("created_at", "created_by")
"""Fields of the manifest that are others when the same model is made again."""


class FileEntry(Frozen):
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Manifest(Frozen):
    """Stored as `manifest.json`, canonical JSON; the note beside it is signed over its SHA-256."""

    format: Literal[1] = 1
    name: str
    version: str
    flavor: Flavor
    libraries: dict[str, str]
    """What it was trained with, by distribution."""

    files: dict[str, FileEntry]
    signature_sha256: str
    """Of `signature.json`: the columns, their types and versions, baseline, metrics, provenance."""

    data_digest: str
    code_version: str
    created_at: datetime
    created_by: str
    varies: tuple[Varying, ...] = VARIES
    """All else, in every file of the directory, comes out the same when the same is trained again."""


def make_manifest(
    signature: ModelSignature,
    files: Mapping[str, bytes],
    *,
    name: str,
    version: str,
    created_at: datetime,
    created_by: str,
) -> Manifest:
    entries = {file: FileEntry(sha256=sha256(content), bytes=len(content)) for file, content in sorted(files.items())}
    return Manifest(
        name=name,
        version=version,
        flavor=signature.flavor,
        libraries=signature.environment,
        files=entries,
        signature_sha256=entries[SIGNATURE_FILE].sha256,
        data_digest=signature.data_digest,
        code_version=signature.code_version,
        created_at=created_at,
        created_by=created_by,
    )


def write_manifest(manifest: Manifest) -> bytes:
    return canonical_bytes(manifest.model_dump(mode="json")) + b"\n"


def read_manifest(content: bytes, what: str) -> Manifest:
    """Raises Conflict for what is no manifest of this format."""
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Conflict(
            f"the manifest of {what} cannot be read: {where}: {first['msg']}",
            hint="it is of another version of this program; register the model again",
        ) from error


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
