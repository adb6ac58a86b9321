"""Have a new version of a model trained on newer data: it comes out in stage dev, and nothing uses it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import field_validator

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import ModelSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import set_to
from tools.contract import ToolArguments

WITHIN_SECONDS = 6 * 3600.0


class Arguments(ToolArguments):
    model: str
    since: datetime | None = None
    """Train on nothing older, when a population has changed for good; by default as long a window as the last time."""

    @field_validator("since")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time carries its zone, e.g. 2026-11-19T05:51:00Z")
        return value


class RetrainModel(SpecPatchAction[Arguments, ModelSpec]):
    """Raises `trainings` by one. Costly: it takes a machine for a while. There is nothing to undo: the version that
    comes of it is in stage dev, and leaves it only through its gates."""

    name = "retrain_model"
    tier = "costly"
    summary = "Train a new version of a model on newer data; it comes out in stage dev"
    example: ClassVar[dict[str, Any]] = {"model": "fraud_score", "since": "2026-11-12T00:00:00Z"}
    arguments = Arguments
    spec = ModelSpec

    def target(self, arguments: Arguments) -> str:
        return urn("model", arguments.model)

    def fields(self, arguments: Arguments, spec: ModelSpec) -> dict[str, Any]:
        if arguments.since is not None and arguments.since > self.platform.clock.now():
            raise InvalidInput(f"since {arguments.since.isoformat()} lies in the future", hint="when did it change?")
        done = self._reader.get(self.target(arguments)).status.get("trainings", 0)
        if spec.trainings > done:
            raise Conflict(f"a training of {arguments.model!r} is asked for already", hint="nothing to do")
        return {"trainings": spec.trainings + 1, "train_since": arguments.since}

    def describe(self, arguments: Arguments, spec: ModelSpec) -> tuple[str, str]:
        window = "" if arguments.since is None else f" on payments since {arguments.since:%Y-%m-%d %H:%M} UTC"
        return (
            f"train a new version of {arguments.model}{window} (training {spec.trainings + 1})",
            "a new version in stage dev, to be judged by the gates; what is in production stays",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return None

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        number = next(int(change.after) for change in plan.changes if change.field == "trainings")
        trained = PostCondition(
            tool="resource_status",
            arguments={"urn": plan.target},
            figure="status_trainings",
            operator=">=",
            threshold=float(number),
            description=f"training {number} of {arguments.model} was done",
            within_seconds=WITHIN_SECONDS,
        )
        return (trained, set_to(plan, "state", "idle", f"it gave a version of {arguments.model}"))
