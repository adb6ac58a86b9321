"""The decision: by the person at the prompt, by a name given beforehand, or by anybody at another door."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable

from rich.text import Text

from agents.incident.reconsidering import superseded
from foundation.errors import Conflict
from guardrails.approvals.types import ApprovalRequest
from interfaces.demo.api import DemoApi, NotAnswering
from interfaces.demo.options import DemoOptions
from interfaces.demo.progress import Teller
from interfaces.demo.workspace import Workspace

POLL_SECONDS = 0.3
AT_THE_PROMPT = "alice"


class Decider:
    """`watch` raises when a process of the demo has died."""

    def __init__(
        self,
        options: DemoOptions,
        workspace: Workspace,
        api: DemoApi,
        teller: Teller,
        *,
        watch: Callable[[], None],
        details: Callable[[], None],
    ) -> None:
        self._options = options
        self._workspace = workspace
        self._api = api
        self._teller = teller
        self._watch = watch
        self._details = details

    def decide(self, request: ApprovalRequest) -> ApprovalRequest:
        """Returns once the request is decided, has expired, or was superseded by new evidence."""
        name = self._options.approve_as or (AT_THE_PROMPT if self._options.reject else None)
        if name is None:
            return self._wait(request)
        verdict = "reject" if self._options.reject else "approve"
        try:
            return self._api.decide(request.id, name, verdict, "decided beforehand, on the demo's command line")
        except Conflict:
            current = self._api.approval(request.id)
            if not superseded(current):
                raise
            return current

    def _wait(self, request: ApprovalRequest) -> ApprovalRequest:
        self._explain(request)
        asking = sys.stdin.isatty()
        while True:
            self._watch()
            current = self._current(request)
            if current is not None and current.status != "pending":
                return current
            ready, _, _ = select.select([sys.stdin] if asking else [], [], [], POLL_SECONDS)
            if ready:
                line = sys.stdin.readline()
                asking = line != ""  # end of input: somebody else may still decide
                self._answer(request, line.strip().lower())

    def _answer(self, request: ApprovalRequest, line: str) -> None:
        verdict = {"y": "approve", "yes": "approve", "n": "reject", "no": "reject"}.get(line)
        try:
            if verdict == "approve":
                self._api.decide(request.id, AT_THE_PROMPT, "approve", "approved at the demo's prompt")
            elif verdict == "reject":
                self._api.decide(request.id, AT_THE_PROMPT, "reject", "rejected at the demo's prompt")
            elif line in ("d", "details"):
                self._details()
                self._explain(request)
            elif line:
                self._teller.show(Text("y, n or d?"))
        except (Conflict, NotAnswering) as lost:
            self._teller.show(Text(lost.message))

    def _current(self, request: ApprovalRequest) -> ApprovalRequest | None:
        """None while the copilot does not answer."""
        try:
            return self._api.approval(request.id)
        except NotAnswering:
            return None

    def _explain(self, request: ApprovalRequest) -> None:
        where = f"{self._workspace.copilot_url}/console/incidents/{request.proposal.incident_id}"
        text = Text(f"Approve as {AT_THE_PROMPT}? ", style="bold")
        text.append("[y]es, [n]o, [d]etails", style="bold cyan")
        text.append(f"\nor in the console: {where}\n(sign in with the key in {self._key()})", style="dim")
        self._teller.show(text)

    def _key(self) -> str:
        return str(self._workspace.key_file(AT_THE_PROMPT))
