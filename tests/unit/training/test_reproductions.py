"""Trained again, everything is the same but what the manifest declares to vary; what is not is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.training import provenance
from platform_core.training.artifacts import Artifact
from platform_core.training.registry import ModelRegistry
from platform_core.training.reproduction import Reproduction, compared
from platform_core.training.types import TrainedModel
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.inference import small_model


@pytest.fixture
def registry(engine: Engine, clock: FixedClock, tmp_path: Path) -> ModelRegistry:
    registry = ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "models")
    registry.register(small_model(1), "fraud_score", "service:training")
    return registry


@pytest.fixture
def artifact(registry: ModelRegistry) -> Artifact:
    return registry.open("fraud_score", "1")


def again(**changes: object) -> TrainedModel:
    trained = small_model(1)
    return replace(trained, signature=trained.signature.model_copy(update=changes))


def said(found: Reproduction) -> dict[str, str]:
    return {one.file: one.said for one in found.files}


def test_the_same_training_gives_the_same_directory(
    registry: ModelRegistry, artifact: Artifact, clock: FixedClock
) -> None:
    found = compared(artifact, small_model(1))
    assert (found.same, found.files, found.differences) == (True, (), ())
    assert found.compared == ("card.md", "manifest.json", "model.txt", "signature.json")
    assert artifact.manifest.varies == ("created_at", "created_by")
    clock.advance(timedelta(days=1))
    registry.register(small_model(1), "fraud_score", "human:ana")
    later = registry.open("fraud_score", "2").manifest
    assert (later.created_at, later.created_by) != (artifact.manifest.created_at, artifact.manifest.created_by)


@pytest.mark.parametrize(
    ("field", "aspect"),
    [
        ("code_version", "code"),
        ("environment_lock", "environment"),
        ("data_digest", "data"),
        ("query_digest", "query"),
    ],
)
def test_what_decides_a_model_is_part_of_it(artifact: Artifact, field: str, aspect: str) -> None:
    found = compared(artifact, again(**{field: "1" * 64}))
    assert (found.same, found.weights_same, found.differences) == (False, True, (aspect,))
    assert f"{'1' * 12}… now" in said(found)["signature.json"]
    assert said(found)["signature.json"].startswith(field)
    assert said(found)["manifest.json"] == "the digests of the files above"


def test_another_figure_on_the_card_is_named(artifact: Artifact) -> None:
    metrics = {**small_model(1).signature.metrics, "auc": 0.123}
    found = compared(artifact, again(metrics=metrics))
    assert set(said(found)) == {"signature.json", "card.md", "manifest.json"}
    assert "| auc | 0.1230 | now" in said(found)["card.md"]
    assert "metrics" in said(found)["signature.json"]


def test_other_weights_are_named_by_the_line(artifact: Artifact) -> None:
    text = small_model(1).model_text.replace("num_class=1", "num_class=2")
    found = compared(artifact, replace(small_model(1), model_text=text))
    assert (found.same, found.weights_same) == (False, False)
    assert said(found)["model.txt"] == "from line 3 on: num_class=1 then, num_class=2 now"
    more = compared(artifact, replace(small_model(1), steps="{}"))
    assert said(more)["model.json"] == "it was not there then"


def test_the_code_is_that_of_every_file_by_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = tmp_path / "platform_core" / "training"
    rooms = [here, here.parent / "catalog" / "deep"]
    for room in rooms:
        room.mkdir(parents=True)
    monkeypatch.setattr(provenance, "__file__", str(here / "provenance.py"))
    found: list[str] = []
    for where, text in ((rooms[0], "a"), (rooms[0], "b"), (rooms[1], "b")):
        (where / "x.py").write_text(text)
        provenance.code_version.cache_clear()
        found.append(provenance.code_version())
        (where / "x.py").unlink()
    provenance.code_version.cache_clear()
    assert len(set(found)) == 3, "what it says, and where it says it"
