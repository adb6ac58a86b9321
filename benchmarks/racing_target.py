"""The target of `benchmarks.approval_races`: it writes down every effect, and guards nothing but its own keys."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from foundation.errors import Conflict
from guardrails.executor.port import Action
from guardrails.proposal import (
    ActionProposal,
    ActionReceipt,
    BlastRadius,
    Compensation,
    Plan,
    PlannedChange,
    PostCondition,
    Tier,
    proposal_digest,
)

ACTION = "restart_connector"
Kind = Literal["execute", "expire", "alter", "supersede"]
_KINDS: tuple[Kind, ...] = ("execute", "expire", "alter", "supersede")


class Race(NamedTuple):
    number: int
    kind: Kind


def kind_of(index: int) -> Kind:
    return _KINDS[index % len(_KINDS)]


def proposal_for(race: Race, at: datetime, *, source: str = "payments_br") -> ActionProposal:
    arguments = {"source": source}
    return ActionProposal(
        id=f"prp_{race.number}",
        incident_id=f"inc_{race.number}",
        tool=ACTION,
        arguments=arguments,
        tier="reversible",
        plan=_plan(source),
        digest=proposal_digest(ACTION, arguments, "production", 1),
        blast_radius=BlastRadius(),
        compensation=None,
        post_conditions=(),
        evidence_ids=("E1",),
        rationale="race",
        requested_by="agent:incident",
        created_at=at,
    )


def _plan(source: str) -> Plan:
    return Plan(
        target=f"urn:vigia:connector:{source}",
        target_revision=1,
        environment="production",
        tenant="br",
        changes=(PlannedChange(field="restarts", before=0, after=1),),
        summary="restart",
        expected_effect="rows",
    )


class RacingAction(Action):
    """`late`: whether the caller's clock has passed the end of the grant."""

    @property
    def name(self) -> str:
        return ACTION

    @property
    def tier(self) -> Tier:
        return "reversible"

    def __init__(self, directory: Path, race: Race, *, late: bool) -> None:
        self._file = effects_file(directory, race)
        self._late = late

    def plan(self, arguments: dict[str, Any]) -> Plan:
        return _plan(str(arguments["source"]))

    def compensation(self, arguments: dict[str, Any], plan: Plan) -> Compensation | None:
        return None

    def post_conditions(self, arguments: dict[str, Any], plan: Plan) -> tuple[PostCondition, ...]:
        return ()

    def apply(
        self, arguments: dict[str, Any], *, expected_revision: int, idempotency_key: str, actor: str, reason: str
    ) -> ActionReceipt:
        with _locked(self._file) as written:
            known = _of(written, idempotency_key)
            if known is not None and known["withdrawn"]:
                raise Conflict(f"{idempotency_key} was withdrawn")
            if known is None:
                _write(self._file, idempotency_key, source=arguments["source"], late=self._late, withdrawn=False)
        return _receipt(idempotency_key)

    def find(self, idempotency_key: str) -> ActionReceipt | None:
        with _locked(self._file) as written:
            known = _of(written, idempotency_key)
        return None if known is None or known["withdrawn"] else _receipt(idempotency_key)

    def withdraw(self, idempotency_key: str, *, actor: str) -> ActionReceipt | None:
        with _locked(self._file) as written:
            known = _of(written, idempotency_key)
            if known is None:
                _write(self._file, idempotency_key, source="", late=False, withdrawn=True)
        return None if known is None or known["withdrawn"] else _receipt(idempotency_key)


def effects_file(directory: Path, race: Race) -> Path:
    return directory / f"effects-{race.number}.jsonl"


def applied(directory: Path, race: Race) -> list[dict[str, Any]]:
    """Every effect, in order."""
    path = effects_file(directory, race)
    return [entry for entry in _read(path) if not entry["withdrawn"]] if path.exists() else []


@contextmanager
def _locked(path: Path) -> Generator[list[dict[str, Any]]]:
    """What is written there, while nobody else writes."""
    with path.open("a", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield _read(path)


def _write(path: Path, key: str, **entry: Any) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"key": key, **entry}) + "\n")


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _of(written: list[dict[str, Any]], key: str) -> dict[str, Any] | None:
    return next((entry for entry in written if entry["key"] == key), None)


def _receipt(key: str) -> ActionReceipt:
    return ActionReceipt(target="connector", revision=2, change_event_id=key)
