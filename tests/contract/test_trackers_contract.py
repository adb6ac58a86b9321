"""One suite over every experiment tracker: files, MLflow's local store, and a real MLflow server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import transaction
from foundation.errors import InvalidInput, Unavailable
from foundation.telemetry import metrics
from foundation.telemetry.traces import configure_traces, current_trace_id, span
from platform_core.attached.mlflow.tracker import MlflowTracker
from platform_core.training.artifacts import open_artifact
from platform_core.training.local_tracker import LocalTracker
from platform_core.training.moves import move
from platform_core.training.registry import ModelRegistry
from platform_core.training.signing import ModelKeys
from platform_core.training.tracked import TrackingLog
from platform_core.training.tracking import MANIFEST_TAG, VERSION_TAG, ExperimentTracker, TrackedRun
from tests.conftest import NIGHT
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.inference import small_model
from tests.fakes.mlflow_server import mlflow_server

RUN = TrackedRun(
    model="fraud_score",
    version="1",
    created_at=NIGHT,
    parameters={"trees": "100", "seed": "7"},
    metrics={"auc": 0.93, "segment.size.below 5.auc": 0.5, "segment.channel.em casa!.auc": 0.25},
    tags={VERSION_TAG: "1", MANIFEST_TAG: "ab" * 32, "vigia.data_digest": "d" * 64},
    files={"model.txt": b"tree\n", "card.md": b"# fraud_score\n", "manifest.json": b"{}"},
)
SECOND = replace(RUN, version="2", tags={**RUN.tags, VERSION_TAG: "2", MANIFEST_TAG: "cd" * 32})


@pytest.fixture(scope="module")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: MLflow takes seconds to make its tables."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    assert MlflowTracker(f"sqlite:///{path}").models() == []
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("server"), mlflow_database) as address:
        yield address


@pytest.fixture(scope="module", params=["files", "sqlite", pytest.param("server", marks=pytest.mark.server)])
def tracker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path
) -> ExperimentTracker:
    if request.param == "files":
        return LocalTracker(tmp_path_factory.mktemp("files") / "runs")
    if request.param == "sqlite":
        copied = shutil.copy(mlflow_database, tmp_path_factory.mktemp("sqlite"))
        return MlflowTracker(f"sqlite:///{copied}")
    return MlflowTracker(request.getfixturevalue("server"))


def test_a_run_and_its_version_are_kept_once(tracker: ExperimentTracker) -> None:
    first = tracker.track(RUN)
    assert tracker.track(RUN) == first
    second = tracker.track(SECOND)
    assert second.run_id != first.run_id
    assert tracker.models() == ["fraud_score"]
    kept = tracker.versions("fraud_score")
    assert [(v.ours, v.version, v.run_id) for v in kept] == [
        ("1", first.remote_version, first.run_id),
        ("2", second.remote_version, second.run_id),
    ]
    assert kept[0].parameters == RUN.parameters
    assert kept[0].metrics["auc"] == 0.93
    assert len(kept[0].metrics) == 3
    assert kept[0].tags.items() >= RUN.tags.items()
    assert tracker.versions("nothing") == []


def test_aliases_follow_the_stages(tracker: ExperimentTracker) -> None:
    for run in (RUN, SECOND):
        tracker.track(run)
    tracker.mirror("fraud_score", {"production": "1", "staging": "2", "dev": "3"})
    assert [v.aliases for v in tracker.versions("fraud_score")] == [("production",), ("staging",)]
    tracker.mirror("fraud_score", {"production": "2"})
    assert [v.aliases for v in tracker.versions("fraud_score")] == [(), ("production",)]
    tracker.mirror("fraud_score", {})
    assert [v.aliases for v in tracker.versions("fraud_score")] == [(), ()]


def test_a_registered_version_is_told_in_whole(
    tracker: ExperimentTracker, engine: Engine, clock: FixedClock, tmp_path: Path
) -> None:
    registry = ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "models")
    log = TrackingLog(engine, clock, registry, tracker)
    for _ in range(2):
        registry.register(small_model(1), "another", "service:training")
    with transaction(engine) as connection:
        move(connection, FakeAuditLog(clock), "another", "2", "staging", actor="human:ana", at=clock.now())
    assert log.pending("another") == ["1", "2"]
    for version in log.pending("another"):
        assert log.send("another", version).problem is None
    assert log.pending("another") == []
    signature = small_model(1).signature
    newest = tracker.versions("another")[-1]
    assert (newest.ours, newest.aliases) == ("2", ("staging",))
    assert newest.metrics.items() >= signature.metrics.items()
    assert newest.tags["vigia.data_digest"] == signature.data_digest
    assert newest.tags["vigia.environment_lock"] == signature.environment_lock
    assert newest.tags["vigia.signed_by"].startswith("vigia/models+")


@pytest.mark.server
def test_what_others_logged_is_listed_and_not_taken_for_ours(server: str) -> None:
    """As MLflow's own users do it, with a pickle for weights: its metadata is read, nothing else."""
    from platform_core.attached.mlflow.client import MlflowCalls

    with MlflowCalls(server).client() as client:
        experiment = client.create_experiment("churn")
        run = client.create_run(experiment)
        client.log_param(run.info.run_id, "depth", 3)
        client.log_metric(run.info.run_id, "auc", 0.7)
        client.create_registered_model("churn")
        client.create_model_version("churn", f"{run.info.artifact_uri}/model.pkl", run_id=run.info.run_id)
        client.create_model_version("churn", "s3://elsewhere/model.pkl")
    tracker = MlflowTracker(server)
    assert "churn" in tracker.models()
    first, second = tracker.versions("churn")
    assert (first.ours, first.parameters, first.metrics) == (None, {"depth": "3"}, {"auc": 0.7})
    assert (second.ours, second.run_id, second.source) == (None, None, "s3://elsewhere/model.pkl")


@pytest.mark.server
def test_the_signed_files_are_in_mlflow_and_verify_there(
    server: str, engine: Engine, clock: FixedClock, tmp_path: Path
) -> None:
    from platform_core.attached.mlflow.client import MlflowCalls

    registry = ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "models")
    registry.register(small_model(1), "verified", "service:training")
    receipt = TrackingLog(engine, clock, registry, MlflowTracker(server)).send("verified", "1")
    with MlflowCalls(server).client() as client:
        place = Path(client.download_artifacts(receipt.run_id, "model", str(tmp_path)))
    artifact = open_artifact(place, ModelKeys(tmp_path / "keys" / "models.pem"), name="verified", version="1")
    assert artifact == registry.open("verified", "1")


def test_a_tracker_that_is_down_is_noted(
    engine: Engine, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registry = ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "models")
    registry.register(small_model(1), "fraud_score", "service:training")
    down = TrackingLog(engine, clock, registry, MlflowTracker("http://ana:secret@127.0.0.1:9"))
    sent = down.send("fraud_score", "1")
    assert sent.tracker == "http://127.0.0.1:9"
    assert sent.problem is not None
    assert "MLflow at http://127.0.0.1:9 cannot be reached" in sent.problem
    assert "secret" not in sent.problem
    assert (down.pending("fraud_score"), down.of("fraud_score", "1")) == (["1"], [sent])


def test_what_is_no_tracking_uri_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is no tracking URI"):
        MlflowTracker("mlruns")


def test_a_store_of_files_that_cannot_be_used_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(Unavailable, match="cannot be kept"):
        LocalTracker(tmp_path / "runs").track(RUN)


@pytest.mark.server
def test_its_otlp_receiver_takes_our_spans(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the tracker: MLflow's server is the receiver of somebody else's making that our traces are tested on."""
    before = metrics.TELEMETRY.get_sample_value("vigia_telemetry_lost_total", {"signal": "traces"}) or 0.0
    made = httpx.post(f"{server}/api/2.0/mlflow/experiments/create", json={"name": "spans"}).json()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    provider = configure_traces("x", server, headers={"x-mlflow-experiment-id": made["experiment_id"]})
    with span("POST /v1/predict/{service}", **{"vigia.endpoint": "fraud-br"}):
        with span("score", rows=3):
            pass
        trace = current_trace_id()
    provider.shutdown()
    without_header = configure_traces("x", server)
    with span("that it wants"):
        pass
    without_header.shutdown()
    configure_traces("vigia-test")
    assert metrics.TELEMETRY.get_sample_value("vigia_telemetry_lost_total", {"signal": "traces"}) == before + 1
    answer = httpx.get(f"{server}/api/3.0/mlflow/traces/get", params={"trace_id": f"tr-{trace}"})
    found = {each["name"]: each for each in answer.json()["trace"]["spans"]}
    outer, inner = found["POST /v1/predict/{service}"], found["score"]
    assert inner["parent_span_id"] == outer["span_id"]
    told = {each["key"]: next(iter(each["value"].values())) for each in [*outer["attributes"], *inner["attributes"]]}
    assert "fraud-br" in told["vigia.endpoint"]
    assert int(told["rows"]) == 3
