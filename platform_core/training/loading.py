"""From the checked bytes of an artifact to a model that scores. Nothing in them is executed."""

from __future__ import annotations

from foundation.errors import Conflict, InvalidInput
from platform_core.training.artifacts import Artifact
from platform_core.training.directory import AGAIN
from platform_core.training.manifest import MODEL_FILE, STEPS_FILE
from platform_core.training.scoring import ScoringModel
from platform_core.training.steps import SteppedModel
from platform_core.training.trees import TreeModel


def load_model(artifact: Artifact) -> ScoringModel:
    """Raises Conflict when the weights are not those of a model of the signature's columns."""
    manifest = artifact.manifest
    what = f"{manifest.name} version {manifest.version}"
    text = artifact.files.get(MODEL_FILE, b"").decode()
    steps = artifact.files.get(STEPS_FILE, b"").decode()
    try:
        model = TreeModel.from_text(text) if manifest.flavor == "lightgbm" else SteppedModel.from_files(steps, text)
    except InvalidInput as error:
        raise Conflict(f"{what}: {error.message}", hint=AGAIN) from error
    names = [feature.name for feature in artifact.signature.features]
    if isinstance(model, TreeModel) and model.booster.feature_name() != names:
        raise Conflict(f"{what} reads {', '.join(model.booster.feature_name())}, its signature has others", hint=AGAIN)
    if model.columns != len(names):
        raise Conflict(f"{what} reads {model.columns} columns, its signature has {len(names)}", hint=AGAIN)
    return model
