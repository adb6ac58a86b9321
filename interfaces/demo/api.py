"""The demo's eyes and hands: the processes' HTTP interfaces, as anybody with an API key could use them."""

from __future__ import annotations

from typing import Any, Literal

import httpx

from agents.incident.card import IncidentCard
from agents.incident.types import Incident
from foundation.errors import Conflict, Unavailable
from guardrails.approvals.types import ApprovalRequest
from interfaces.demo.workspace import Workspace


class NotAnswering(Unavailable):
    """A process that is slow, not up yet or gone: whoever polls asks again."""


class DemoApi:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._http = httpx.Client(timeout=15.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def answering(self, url: str) -> bool:
        """Whether something says 2xx at `url`."""
        try:
            return self._http.get(url).is_success
        except httpx.TransportError:
            return False

    def simulation_status(self) -> dict[str, Any]:
        """`{"state": "unreachable"}` while nobody answers."""
        try:
            return self._http.get(f"{self._workspace.simulation_url}/simulation/v1/status").json()
        except httpx.TransportError:
            return {"state": "unreachable", "step": "starting", "detail": "", "ticks": 0}

    def inject(self, fault: str) -> None:
        url = f"{self._workspace.simulation_url}/simulation/v1/faults/{fault}"
        self._answer(self._send("POST", url, headers={"Authorization": f"Bearer {self._workspace.simulation_token}"}))

    def incidents(self) -> list[Incident]:
        """Oldest first."""
        return [Incident.model_validate(each) for each in reversed(self._get("/v1/incidents"))]

    def card(self, incident_id: str) -> IncidentCard:
        return IncidentCard.model_validate(self._get(f"/v1/incidents/{incident_id}"))

    def evidence(self, incident_id: str) -> list[dict[str, Any]]:
        return self._get(f"/v1/incidents/{incident_id}/evidence")

    def alerts(self, incident_id: str) -> list[dict[str, Any]]:
        return self._get(f"/v1/incidents/{incident_id}/alerts")

    def approval(self, request_id: str) -> ApprovalRequest:
        return ApprovalRequest.model_validate(self._get(f"/v1/approvals/{request_id}"))

    def decide(self, request_id: str, name: str, verdict: Literal["approve", "reject"], reason: str) -> ApprovalRequest:
        """Decide as `name`. Raises Conflict with what the service said when it did not take the decision."""
        answer = self._send(
            "POST",
            f"{self._workspace.copilot_url}/v1/approvals/{request_id}/decide",
            json={"verdict": verdict, "reason": reason},
            headers=self._as(name),
        )
        if answer.status_code in (403, 409):
            raise Conflict(answer.json()["error"]["message"], hint=answer.json()["error"]["hint"])
        return ApprovalRequest.model_validate(self._answer(answer))

    def revision(self, urn: str) -> int:
        """Revision of a resource of the platform, as its control API says."""
        url = f"{self._workspace.serving_url}/control/v1/resources/{urn}"
        headers = {"Authorization": f"Bearer {self._workspace.control_token}"}
        return self._answer(self._send("GET", url, headers=headers))["revision"]

    def _get(self, path: str) -> Any:
        return self._answer(self._send("GET", f"{self._workspace.copilot_url}{path}", headers=self._as("alice")))

    def _send(self, method: str, url: str, **kwargs: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, url, **kwargs)
        except httpx.TransportError as error:
            raise NotAnswering(f"{method} {url}: {error or type(error).__name__}") from error
        if answer.status_code == 503:
            raise NotAnswering(f"{method} {url} answered {answer.text[:300]}")
        return answer

    def _as(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._workspace.keys[name]}"}

    def _answer(self, response: httpx.Response) -> Any:
        if response.is_success:
            return response.json()
        raise Unavailable(f"{response.request.method} {response.request.url} answered {response.text[:300]}")
