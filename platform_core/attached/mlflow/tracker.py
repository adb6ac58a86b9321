"""Our versions in MLflow: a run with parameters, metrics, tags and the signed files, and a version of its registry.

MLflow is told, never asked what to serve; and nothing that it stores is unpickled here. It has one experiment per
model, `vigia/<model>`, and a registered model of the same name, whose aliases follow our stages.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platform_core.attached.mlflow.client import MlflowCalls
from platform_core.training.tracking import (
    MANIFEST_TAG,
    VERSION_TAG,
    ExperimentTracker,
    Receipt,
    RemoteVersion,
    TrackedRun,
)
from platform_core.training.types import Stage

_BATCH = 100  # of parameters, metrics and tags in one request
_MIRRORED: tuple[Stage, ...] = ("staging", "production")
_FOLDER = "model"


class MlflowTracker(ExperimentTracker):
    """`uri` as MLflow takes it: `http://host:5000`, `sqlite:////path/mlflow.db`. A server's password comes from
    MLflow's own variables (MLFLOW_TRACKING_USERNAME, …)."""

    def __init__(self, uri: str) -> None:
        """Raises InvalidInput when MLflow's client is not installed."""
        self._calls = MlflowCalls(uri)
        self.address = self._calls.address

    def track(self, run: TrackedRun) -> Receipt:
        with self._calls.client() as client:
            experiment = self._experiment(client, run.model)
            run_id = self._finished(client, experiment, run) or self._run(client, experiment, run)
            known = [v for v in self._versions(client, run.model) if v.run_id == run_id]
            remote = known[0] if known else self._version(client, run, run_id)
            return Receipt(run_id=run_id, remote_version=str(remote.version))

    def mirror(self, model: str, stages: Mapping[Stage, str]) -> None:
        with self._calls.client() as client:
            remote = {v.tags.get(VERSION_TAG): str(v.version) for v in self._versions(client, model)}
            aliases: dict[str, str] = self._aliases(client, model)
            for stage in _MIRRORED:
                wanted = remote.get(stages[stage]) if stage in stages else None
                if wanted is not None and aliases.get(stage) != wanted:
                    client.set_registered_model_alias(model, stage, wanted)
                elif wanted is None and stage in aliases:
                    client.delete_registered_model_alias(model, stage)

    def models(self) -> list[str]:
        with self._calls.client() as client:
            return sorted(model.name for model in self._calls.pages(client.search_registered_models))

    def versions(self, model: str) -> list[RemoteVersion]:
        with self._calls.client() as client:
            aliases = self._aliases(client, model)
            return [self._remote(client, version, aliases) for version in self._versions(client, model)]

    def _remote(self, client: Any, version: Any, aliases: Mapping[str, str]) -> RemoteVersion:
        data = self._calls.or_none(client.get_run, version.run_id) if version.run_id else None
        return RemoteVersion(
            name=version.name,
            version=str(version.version),
            run_id=version.run_id or None,
            source=str(version.source or ""),
            created_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
            aliases=tuple(sorted(alias for alias, number in aliases.items() if number == str(version.version))),
            parameters=dict(data.data.params) if data else {},
            metrics={name: float(value) for name, value in data.data.metrics.items()} if data else {},
            tags={**({k: v for k, v in data.data.tags.items() if not k.startswith("mlflow.")} if data else {})}
            | dict(version.tags or {}),
        )

    def _experiment(self, client: Any, model: str) -> str:
        name = f"vigia/{model}"
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(client.create_experiment(name, artifact_location=self._calls.artifacts(model)))

    def _finished(self, client: Any, experiment: str, run: TrackedRun) -> str | None:
        same = " and ".join(f"tags.`{tag}` = '{run.tags[tag]}'" for tag in (VERSION_TAG, MANIFEST_TAG))
        found = client.search_runs([experiment], f"{same} and attributes.status = 'FINISHED'", max_results=1)
        return str(found[0].info.run_id) if found else None

    def _run(self, client: Any, experiment: str, run: TrackedRun) -> str:
        from mlflow.entities import Metric, Param, RunTag

        moment = int(run.created_at.timestamp() * 1000)
        made = client.create_run(experiment, start_time=moment, run_name=f"{run.model} version {run.version}")
        run_id = str(made.info.run_id)
        items: list[tuple[str, Any]] = [
            *(("params", Param(name, value[:6000])) for name, value in run.parameters.items()),
            *(("metrics", Metric(_plain(name), value, moment, 0)) for name, value in run.metrics.items()),
            *(("tags", RunTag(name, value[:8000])) for name, value in run.tags.items()),
        ]
        for start in range(0, len(items), _BATCH):
            batch: dict[str, list[Any]] = {"params": [], "metrics": [], "tags": []}
            for kind, item in items[start : start + _BATCH]:
                batch[kind].append(item)
            client.log_batch(run_id, **batch)
        with tempfile.TemporaryDirectory(prefix="vigia-mlflow-") as directory:
            for name, content in run.files.items():
                (Path(directory) / name).write_bytes(content)
            client.log_artifacts(run_id, directory, _FOLDER)
        # Finished is what tells a whole run from one that was cut off.
        client.set_terminated(run_id, "FINISHED", end_time=moment)
        return run_id

    def _version(self, client: Any, run: TrackedRun, run_id: str) -> Any:
        self._calls.unless_there(client.create_registered_model, run.model)
        source = f"{client.get_run(run_id).info.artifact_uri}/{_FOLDER}"
        tags = {tag: run.tags[tag] for tag in (VERSION_TAG, MANIFEST_TAG)}
        return client.create_model_version(run.model, source, run_id=run_id, tags=tags)

    def _versions(self, client: Any, model: str) -> list[Any]:
        quoted = model.replace("'", "''")
        found = self._calls.pages(client.search_model_versions, filter_string=f"name = '{quoted}'")
        return sorted(found, key=lambda version: int(version.version))

    def _aliases(self, client: Any, model: str) -> dict[str, str]:
        found = self._calls.or_none(client.get_registered_model, model)
        return {} if found is None else {alias: str(number) for alias, number in (found.aliases or {}).items()}


def _plain(name: str) -> str:
    """MLflow takes letters, digits, `_`, `-`, `.`, space, `:` and `/` in names."""
    return "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in name)
