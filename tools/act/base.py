"""The shape all actions share: a patch of one resource's spec, planned as a diff, undone by the fields as they were."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from foundation.errors import Conflict, Forbidden, InvalidInput
from guardrails.proposal import ActionReceipt, Compensation, Plan, PlannedChange, PostCondition, Tier
from platform_core.operations.resources import Resource, ResourceChange, ResourceReader, ResourceWriter, Spec
from platform_core.view import PlatformView
from tools.contract import ToolArguments

ArgumentsT = TypeVar("ArgumentsT", bound=ToolArguments)
SpecT = TypeVar("SpecT", bound=BaseModel)

_SPEC: TypeAdapter[Any] = TypeAdapter(Spec)


class SpecPatchAction(ABC, Generic[ArgumentsT, SpecT]):
    """An action of `guardrails.executor.port`. A subclass says which resource, which fields, which undo and what must
    then be true; planning, locking, idempotency and receipts are here. Without a writer it can plan only."""

    name: ClassVar[str]
    tier: ClassVar[Tier]
    summary: ClassVar[str]
    example: ClassVar[dict[str, Any]]
    arguments: ClassVar[type[ToolArguments]]
    spec: ClassVar[type[BaseModel]]

    def __init__(self, reader: ResourceReader, writer: ResourceWriter | None, platform: PlatformView) -> None:
        self._reader = reader
        self._writer = writer
        self.platform = platform

    @abstractmethod
    def target(self, arguments: ArgumentsT) -> str:
        """URN of the resource."""

    @abstractmethod
    def fields(self, arguments: ArgumentsT, spec: SpecT) -> dict[str, Any]:
        """The fields to set. Raises InvalidInput when they make no sense for this target, Conflict for a no-op."""

    @abstractmethod
    def describe(self, arguments: ArgumentsT, spec: SpecT) -> tuple[str, str]:
        """What it does, and what is expected of it, one line each."""

    @abstractmethod
    def undo(self, arguments: ArgumentsT, before: dict[str, Any]) -> Compensation | None:
        """The call that restores `before`, the fields as they were."""

    @abstractmethod
    def conditions(self, arguments: ArgumentsT, plan: Plan) -> tuple[PostCondition, ...]:
        """What must become true."""

    @classmethod
    def typed(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What somebody typed, as JSON values of the declared types: `"2"` for a whole number is 2. Raises
        InvalidInput."""
        return cls._validated(arguments).model_dump(mode="json", exclude_unset=True)

    def plan(self, arguments: dict[str, Any]) -> Plan:
        given = self._given(arguments)
        resource, spec = self._resource(given)
        after = self._after(given, spec)
        before = spec.model_dump(mode="json")
        changes = tuple(
            PlannedChange(field=field, before=before.get(field), after=value)
            for field, value in after.items()
            if before.get(field) != value
        )
        if not changes:
            raise Conflict(f"{resource.urn!r} already is as {self.name} would leave it", hint="nothing to do")
        what, expected = self.describe(given, spec)
        return Plan(
            target=resource.urn,
            target_revision=resource.revision,
            environment=resource.environment,
            tenant=resource.tenant,
            changes=changes,
            summary=what,
            expected_effect=expected,
        )

    def compensation(self, arguments: dict[str, Any], plan: Plan) -> Compensation | None:
        return self.undo(self._given(arguments), {change.field: change.before for change in plan.changes})

    def post_conditions(self, arguments: dict[str, Any], plan: Plan) -> tuple[PostCondition, ...]:
        return self.conditions(self._given(arguments), plan)

    def apply(
        self, arguments: dict[str, Any], *, expected_revision: int, idempotency_key: str, actor: str, reason: str
    ) -> ActionReceipt:
        writer = self._writing()
        earlier = writer.find(idempotency_key)
        if earlier is not None:
            return _receipt(earlier, replayed=True)
        given = self._given(arguments)
        resource, spec = self._resource(given)
        if resource.revision != expected_revision:
            raise Conflict(
                f"{resource.urn!r} is at revision {resource.revision}, planned against {expected_revision}",
                hint="plan again and ask for approval again",
            )
        after = self._after(given, spec)
        before = spec.model_dump(mode="json")
        change = writer.patch(
            resource.urn,
            {field: value for field, value in after.items() if before.get(field) != value},
            expected_revision=expected_revision,
            idempotency_key=idempotency_key,
            actor=actor,
            reason=reason,
        )
        return _receipt(change, replayed=change.replayed)

    def find(self, idempotency_key: str) -> ActionReceipt | None:
        change = self._writing().find(idempotency_key)
        return None if change is None else _receipt(change, replayed=True)

    def withdraw(self, idempotency_key: str, *, actor: str) -> ActionReceipt | None:
        change = self._writing().withdraw(idempotency_key, actor=actor)
        return None if change is None else _receipt(change, replayed=True)

    def _writing(self) -> ResourceWriter:
        if self._writer is None:
            raise Forbidden(f"{self.name} was given no credential: it can plan only")
        return self._writer

    def _given(self, arguments: dict[str, Any]) -> ArgumentsT:
        return self._validated(arguments)  # type: ignore[return-value]

    @classmethod
    def _validated(cls, arguments: Mapping[str, Any]) -> ToolArguments:
        try:
            return cls.arguments.model_validate(arguments)
        except ValidationError as error:
            raise InvalidInput(f"{cls.name}: {_said(error)}", hint=f"example: {cls.example}") from error

    def _resource(self, arguments: ArgumentsT) -> tuple[Resource, SpecT]:
        resource = self._reader.get(self.target(arguments))
        if not isinstance(resource.spec, self.spec):
            raise InvalidInput(f"{resource.urn!r} is a {resource.spec.kind}, which {self.name} cannot change")
        return resource, resource.spec  # type: ignore[return-value]

    def _after(self, arguments: ArgumentsT, spec: SpecT) -> dict[str, Any]:
        """The planned fields as JSON values of a spec that validates."""
        fields = self.fields(arguments, spec)
        try:
            whole = _SPEC.validate_python({**spec.model_dump(), **fields})
        except ValidationError as error:
            raise InvalidInput(f"{self.name}: the resulting spec is not valid: {_said(error)}") from error
        dumped: dict[str, Any] = whole.model_dump(mode="json")
        return {field: dumped[field] for field in fields}


def _said(error: ValidationError) -> str:
    """Without the values: they were typed, or stand in the spec."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())


def _receipt(change: ResourceChange, *, replayed: bool) -> ActionReceipt:
    return ActionReceipt(
        target=change.resource.urn,
        revision=change.resource.revision,
        change_event_id=change.change_event_id,
        undo=change.previous,
        replayed=replayed,
    )
