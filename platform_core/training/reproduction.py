"""Whether a version that was trained again is the same one: every file of its directory, byte for byte.

Left out is what its manifest declares to vary (`varies`), and the note, which is a signature over the manifest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from foundation.frozen import Frozen
from platform_core.training.artifacts import Artifact, render_files
from platform_core.training.manifest import MANIFEST_FILE, MODEL_FILE, STEPS_FILE, VARIES, make_manifest
from platform_core.training.types import TrainedModel

_SHOWN = 60
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OF_FILES = frozenset({"files", "signature_sha256", "data_digest", "code_version", "libraries"})
"""Fields of the manifest that only repeat what the files are and say."""


class FileDifference(Frozen):
    file: str
    said: str
    """What is otherwise in it, then and now."""


class Reproduction(Frozen):
    """`same`: all files. `weights_same`: what scores, at least. `differences`: which of the things that decide a model
    are others now than they were then."""

    name: str
    version: str
    same: bool
    weights_same: bool
    differences: tuple[str, ...]
    files: tuple[FileDifference, ...]
    """Those that differ."""

    compared: tuple[str, ...]


def compared(artifact: Artifact, again: TrainedModel) -> Reproduction:
    manifest, before, now = artifact.manifest, artifact.signature, again.signature
    files = render_files(again, manifest.name, manifest.version)
    differ = [*_files(artifact.files, files, before.model_dump(mode="json"), now.model_dump(mode="json"))]
    made = make_manifest(
        now,
        files,
        name=manifest.name,
        version=manifest.version,
        created_at=manifest.created_at,
        created_by=manifest.created_by,
    )
    left_out = {*VARIES, "varies"}
    was, becomes = (one.model_dump(mode="json", exclude=left_out) for one in (manifest, made))
    fields = list(_fields(*({k: v for k, v in one.items() if k not in _OF_FILES} for one in (was, becomes))))
    if was != becomes:
        said = "; ".join(fields) or "the digests of the files above"
        differ.append(FileDifference(file=MANIFEST_FILE, said=said))
    aspects = (
        ("data", before.data_digest, now.data_digest),
        ("query", before.query_digest, now.query_digest),
        ("code", before.code_version, now.code_version),
        ("environment", before.environment_lock, now.environment_lock),
    )
    return Reproduction(
        name=manifest.name,
        version=manifest.version,
        same=not differ,
        weights_same=not {one.file for one in differ} & {MODEL_FILE, STEPS_FILE},
        differences=tuple(what for what, then, today in aspects if then != today),
        files=tuple(differ),
        compared=tuple(sorted({*artifact.files, *files, MANIFEST_FILE})),
    )


def _files(
    then: Mapping[str, bytes], now: Mapping[str, bytes], was: dict[str, Any], becomes: dict[str, Any]
) -> Iterator[FileDifference]:
    """`was` and `becomes`: the signature, whose fields are named."""
    for file in sorted({*then, *now}):
        old, new = then.get(file), now.get(file)
        if old == new:
            continue
        if old is None or new is None:
            yield FileDifference(file=file, said="it was not there then" if old is None else "it does not come out now")
        elif file == "signature.json" and (fields := list(_fields(was, becomes))):
            yield FileDifference(file=file, said="; ".join(fields))
        else:
            yield FileDifference(file=file, said=_first_line(old.decode(), new.decode()))


def _fields(then: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for name in sorted({*then, *now}):
        old, new = then.get(name), now.get(name)
        if old != new:
            yield f"{name} {_shown(old)} then, {_shown(new)} now"


def _first_line(then: str, now: str) -> str:
    lines = enumerate(zip_longest(then.splitlines(), now.splitlines()), start=1)
    number, (old, new) = next(((n, pair) for n, pair in lines if pair[0] != pair[1]), (0, ("", "")))
    return f"from line {number} on: {_shown(old)} then, {_shown(new)} now"


def _shown(value: object) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else repr(value)
    text = _DIGEST.sub(lambda found: f"{found[0][:12]}…", text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
