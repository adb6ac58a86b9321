"""A model version's directory: written once, never changed, checked by digest whenever it is read."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from foundation.errors import Conflict, Unavailable
from platform_core.training.types import TrainedModel

MODEL_FILE = "model.txt"
SIGNATURE_FILE = "signature.json"
CARD_FILE = "card.md"


def render_files(trained: TrainedModel, name: str, version: str) -> dict[str, bytes]:
    """The files of the directory, by name."""
    return {
        MODEL_FILE: trained.model_text.encode(),
        SIGNATURE_FILE: (trained.signature.model_dump_json(indent=2) + "\n").encode(),
        CARD_FILE: _card(trained, name, version).encode(),
    }


def digests(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def write_directory(directory: Path, files: dict[str, bytes]) -> None:
    """Write all of `files` or nothing: beside, flushed, then renamed into place. Raises Unavailable.

    A directory that is in the way belongs to a registration that never committed and is replaced.
    """
    partial = directory.with_name(f".{directory.name}.partial")
    try:
        for leftover in (partial, directory):
            if leftover.exists():
                shutil.rmtree(leftover)
        partial.mkdir(parents=True)
        for name, content in files.items():
            path = partial / name
            with path.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            path.chmod(0o444)
        partial.rename(directory)
    except OSError as error:
        raise Unavailable(f"the model cannot be stored at {str(directory)!r}: {error}") from error


def read_file(directory: Path, name: str, sha256: str) -> bytes:
    """The file's content. Raises Conflict when it is not what was registered, Unavailable when it cannot be read."""
    path = directory / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unavailable(f"the model file {str(path)!r} cannot be read: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise Conflict(
            f"{str(path)!r} was altered: its SHA-256 is {found}, registered was {sha256}",
            hint="do not serve it; register the model again from its training run",
        )
    return content


def _card(trained: TrainedModel, name: str, version: str) -> str:
    signature = trained.signature
    metrics = "\n".join(f"| {metric} | {value:.4f} |" for metric, value in signature.metrics.items())
    features = "\n".join(f"- `{feature.name}` ({feature.origin})" for feature in signature.features)
    return f"""# {name} version {version}

Probability that a payment is fraudulent. Gradient-boosted trees (LightGBM) over the feature service
`{signature.feature_service}`.

Trained on {signature.rows} labelled payments from {signature.data_start:%Y-%m-%d %H:%M} to \
{signature.data_end:%Y-%m-%d %H:%M} UTC; judged on the newest fifth. Declining is cheapest from a score of
{signature.decline_threshold:.4f} on.

| metric | value |
|---|---|
{metrics}

Made again by: data `{signature.data_digest[:16]}`, code `{signature.code_version[:16]}`, seed {signature.seed}.

## Features
{features}
"""
