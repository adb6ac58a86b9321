"""What the flow needs from others, as it sees them; bootstrap hands in the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.incident.card import IncidentCard
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor.port import ActionExecution
from guardrails.proposal import ActionProposal
from platform_core.monitoring.alert import Alert
from tools.contract import Observation


class ToolAnswer(Protocol):
    """One run of an observe tool (`tools.runner.ToolRun`)."""

    @property
    def tool(self) -> str: ...
    @property
    def arguments(self) -> dict[str, Any]: ...
    @property
    def observation(self) -> Observation: ...
    @property
    def digest(self) -> str: ...
    @property
    def wall_ms(self) -> float: ...


class Triage(Protocol):
    """The thinking part: what to look at, what it means, what to do about it. Changes nothing."""

    def gather(self, alerts: Sequence[Alert]) -> Sequence[ToolAnswer]:
        """Run the probes that these alerts call for. A probe that fails is an answer of status `error`."""
        ...

    def probe(self, tool: str, arguments: dict[str, Any]) -> Observation: ...

    def diagnose(self, alerts: Sequence[Alert], evidence: Sequence[Evidence]) -> Diagnosis: ...

    def propose(self, diagnosis: Diagnosis, incident_id: str) -> ActionProposal | None:
        """The action that would mend it, planned against the target as it is now; None when there is none."""
        ...

    def compensate(self, proposal: ActionProposal) -> ActionProposal | None:
        """The undo of an applied action as a proposal of its own; None when there is nothing to undo."""
        ...


class ApprovalDesk(Protocol):
    """`guardrails.approvals.service.ApprovalService`, without the power to decide."""

    def request(self, proposal: ActionProposal) -> ApprovalRequest:
        """Raises Forbidden when policy denies the action."""
        ...

    def get(self, request_id: str) -> ApprovalRequest: ...
    def pending(self) -> list[ApprovalRequest]: ...
    def for_incident(self, incident_id: str) -> list[ApprovalRequest]: ...
    def expire_due(self) -> list[ApprovalRequest]: ...

    def supersede(self, request_id: str, reason: str, *, actor: str, undecided_only: bool) -> bool:
        """Close a request that new evidence has made wrong; False when somebody decided first."""
        ...


class ActionExecutor(Protocol):
    """`guardrails.executor.executor.Executor`."""

    def execute(self, approval_id: str) -> ActionExecution:
        """Idempotent. Raises Conflict when the target moved since the plan: nothing was done, and the approval is
        void; Forbidden when something stands against it now (kill switch, freeze)."""
        ...

    def reconcile(self) -> list[ActionExecution]: ...
    def for_approval(self, approval_id: str) -> ActionExecution | None: ...


class Notifier(Protocol):
    """Where people are told. Called after the commit, at least once per change; must cope with repeats."""

    def incident_changed(self, card: IncidentCard) -> None: ...


class NullNotifier:
    """Tells nobody: the console and the command line read the store."""

    def incident_changed(self, card: IncidentCard) -> None:
        del card


class Observer(Protocol):
    """Called at each step boundary of the worker; tests kill the process from it."""

    def __call__(self, step: str, /) -> None: ...


def unobserved(step: str, /) -> None:
    del step
