"""A model version's directory: written once, signed, and checked in whole before anything of it is used.

    <name>/<version>/  model.txt and/or model.json, signature.json, card.md, manifest.json, manifest.note

Loading reads every file once, into memory, and uses the bytes whose digest it checked: what is on the disk a moment
later does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from foundation.errors import Conflict, InvalidInput
from platform_core.training.card import render_card
from platform_core.training.directory import AGAIN, reading_directory
from platform_core.training.manifest import (
    CARD_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    NOTE_FILE,
    SIGNATURE_FILE,
    STEPS_FILE,
    Manifest,
    read_manifest,
    sha256,
)
from platform_core.training.signing import ModelKeys
from platform_core.training.types import ModelSignature, TrainedModel

MAX_BYTES = 512 * 1024 * 1024
"""Of all files of a version together; more is refused unread."""

_MANIFEST_BYTES = 1024 * 1024
_WEIGHTS = {"lightgbm": ({MODEL_FILE},), "sklearn": ({STEPS_FILE}, {STEPS_FILE, MODEL_FILE})}


@dataclass(frozen=True)
class Artifact:
    """A version whose note, manifest and files agree. `files` holds their content by name."""

    manifest: Manifest
    signature: ModelSignature
    files: Mapping[str, bytes]
    sealed: Mapping[str, bytes]
    """The manifest and its note, as they were read."""

    signed_by: str
    """The verifier key."""


def render_files(trained: TrainedModel, name: str, version: str) -> dict[str, bytes]:
    """The files that the manifest names. Raises InvalidInput for a signature that nobody could read again."""
    try:
        ModelSignature.model_validate(trained.signature.model_dump())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{name} cannot be registered: {where}: {first['msg']}, not {first['input']!r}") from error
    files = {
        SIGNATURE_FILE: (trained.signature.model_dump_json(indent=2) + "\n").encode(),
        CARD_FILE: render_card(trained, name, version).encode(),
    }
    if trained.model_text:
        files[MODEL_FILE] = trained.model_text.encode()
    if trained.steps:
        files[STEPS_FILE] = trained.steps.encode()
    return files


def open_artifact(directory: Path, keys: ModelKeys, *, name: str, version: str, max_bytes: int = MAX_BYTES) -> Artifact:
    """The version in `directory`, checked.

    Raises Conflict, saying what to do, for one that is not signed by a key that `keys` trusts, was altered, holds
    other files than its manifest, is larger than `max_bytes`, or is not what it says; NotFound when there is none;
    Unavailable when it cannot be read.
    """
    what = f"{name} version {version}"
    with reading_directory(directory, what) as reader:
        present = set(reader.names())
        unsigned = {MANIFEST_FILE, NOTE_FILE} - present
        if unsigned:
            raise Conflict(
                f"{what} is not signed: {str(directory)!r} has no {' and no '.join(sorted(unsigned))}",
                hint=f"it may be from before models were signed: look at it, then `vigia models sign {name} {version}`",
            )
        written = reader.read(MANIFEST_FILE, _MANIFEST_BYTES)
        note = reader.read(NOTE_FILE, _MANIFEST_BYTES)
        signed_by = keys.check(note, name, version, written)
        manifest = read_manifest(written, what)
        if (manifest.name, manifest.version) != (name, version):
            raise Conflict(f"{what} says that it is {manifest.name} version {manifest.version}", hint=AGAIN)
        _require_files(manifest, present, what, max_bytes)
        files = {file: reader.read(file, entry.bytes) for file, entry in manifest.files.items()}
    for file, entry in manifest.files.items():
        _require_digest(directory / file, files[file], entry.sha256)
    signature = _signature(files[SIGNATURE_FILE], what)
    weights = files.keys() & {MODEL_FILE, STEPS_FILE}
    if signature.flavor != manifest.flavor or weights not in _WEIGHTS[manifest.flavor]:
        raise Conflict(
            f"{what} says that it is {manifest.flavor}, its signature says {signature.flavor}, and its weights are "
            f"{', '.join(sorted(weights)) or 'missing'}",
            hint=AGAIN,
        )
    return Artifact(manifest, signature, files, {MANIFEST_FILE: written, NOTE_FILE: note}, signed_by)


def read_unsigned(
    directory: Path, names: Mapping[str, str], *, what: str, max_bytes: int = MAX_BYTES
) -> dict[str, bytes]:
    """Files of a directory from before models were signed, by `names` with their SHA-256. Raises as `open_artifact`."""
    with reading_directory(directory, what) as reader:
        files = {name: reader.read(name, max_bytes) for name in names}
    for name, expected in names.items():
        _require_digest(directory / name, files[name], expected)
    return files


def _signature(content: bytes, what: str) -> ModelSignature:
    try:
        return ModelSignature.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Conflict(f"the signature of {what} cannot be read: {where}: {first['msg']}", hint=AGAIN) from error


def _require_digest(path: Path, content: bytes, expected: str) -> None:
    found = sha256(content)
    if found != expected:
        raise Conflict(f"{str(path)!r} was altered: its SHA-256 is {found}, registered was {expected}", hint=AGAIN)


def _require_files(manifest: Manifest, present: set[str], what: str, max_bytes: int) -> None:
    missing = manifest.files.keys() - present
    if missing:
        raise Conflict(f"{what} lacks {', '.join(sorted(missing))}, which its manifest names", hint=AGAIN)
    extra = present - manifest.files.keys() - {MANIFEST_FILE, NOTE_FILE}
    if extra:
        raise Conflict(f"{what} holds files that nobody signed: {', '.join(sorted(extra))}", hint="take them away")
    size = sum(entry.bytes for entry in manifest.files.values())
    if size > max_bytes:
        raise Conflict(
            f"{what} has {size} bytes, at most {max_bytes} are loaded", hint="raise VIGIA__MODELS__MAX_BYTES"
        )
    if SIGNATURE_FILE not in manifest.files or manifest.signature_sha256 != manifest.files[SIGNATURE_FILE].sha256:
        raise Conflict(f"{what} has no signature that its manifest vouches for", hint=AGAIN)
