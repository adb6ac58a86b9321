"""Jobs of Databricks, by the REST API 2.2 (2.1 answers the same here).

    GET  /api/2.2/jobs/list?limit=&page_token=             {"jobs": [{"job_id", "settings": {"name"}}], …}
    GET  /api/2.2/jobs/runs/list?job_id=&start_time_from=  {"runs": [{"run_id", "job_id", "start_time", "status", …}]}
    POST /api/2.2/jobs/run-now                             {"job_id", "idempotency_token"} -> {"run_id"}
    POST /api/2.2/jobs/runs/cancel                         {"run_id"}

Source: https://docs.databricks.com/api/workspace/jobs. Tested against a server scripted after that reference, not
against a workspace of Databricks'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode

import httpx

from foundation.canonical import digest
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from platform_core.attached.jobs import Jobs
from platform_core.operations.timeline import JobRun, JobStatus

_PAGE, _RUNS_PAGE = 100, 26
_RUNNING = frozenset({"BLOCKED", "PENDING", "QUEUED", "RUNNING", "TERMINATING", "WAITING"})
_CANCELLED = frozenset({"CANCELED", "USER_CANCELED", "CLIENT_CANCELED"})


class DatabricksJobs(Jobs):
    """`token` is asked at each request. A job is called by its name, several of one name by `name#id`."""

    def __init__(
        self,
        host: str,
        token: Callable[[], str],
        *,
        timeout: float = 10.0,
        version: str = "2.2",
        tenant: str | None = None,
    ) -> None:
        self._base = f"{host.rstrip('/')}/api/{version}/jobs"
        self._token = token
        self._tenant = tenant
        self._http = httpx.Client(timeout=timeout, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def close(self) -> None:
        self._http.close()

    def list_jobs(self) -> list[str]:
        return sorted(self._names())

    def runs(self, since: datetime, *, job: str | None = None, limit: int = 200) -> list[JobRun]:
        names = self._names()
        query = {"start_time_from": str(int(since.timestamp() * 1000)), "limit": str(_RUNS_PAGE)}
        if job is not None:
            query["job_id"] = str(self._id(names, job))
        by_id = {number: name for name, number in names.items()}
        found: list[JobRun] = []
        for run in self._pages("/runs/list", query, "runs"):
            found.append(self._run(run, by_id))
            if len(found) == limit:
                break
        return sorted(found, key=lambda run: run.started_at, reverse=True)

    def run_now(self, job: str, *, key: str) -> str:
        # A token has at most 64 characters there, and is the workspace's: ours says which job, too.
        number = self._id(self._names(), job)
        token = digest([str(number), key])
        return str(self._ask("POST", "/run-now", {"job_id": number, "idempotency_token": token})["run_id"])

    def cancel(self, run: str) -> None:
        if not run.isdecimal():
            raise NotFound(f"Databricks has no run {run!r}", hint="a run's id is a number there")
        self._ask("POST", "/runs/cancel", {"run_id": int(run)})

    def _names(self) -> dict[str, int]:
        jobs = [
            (str(j["settings"]["name"]), int(j["job_id"])) for j in self._pages("/list", {"limit": str(_PAGE)}, "jobs")
        ]
        often = {name for name, _ in jobs if [other for other, _ in jobs].count(name) > 1}
        return {f"{name}#{number}" if name in often else name: number for name, number in jobs}

    def _id(self, names: dict[str, int], job: str) -> int:
        try:
            return names[job]
        except KeyError as error:
            known = ", ".join(sorted(names)[:10]) or "none that this token may see"
            raise NotFound(f"Databricks has no job {job!r}", hint=f"known: {known}") from error

    def _run(self, run: dict[str, Any], names: dict[int, str]) -> JobRun:
        job = names.get(int(run["job_id"]), str(run["job_id"]))
        status = _status(run)
        ended = int(run.get("end_time") or 0)
        details = run.get("status", {}).get("termination_details", {})
        problem = details.get("message") or run.get("state", {}).get("state_message")
        return JobRun(
            id=str(run["run_id"]),
            job=f"databricks:{job}"[:160],
            subject=f"databricks:{job}"[:160],
            tenant=self._tenant,
            started_at=_moment(int(run["start_time"])),
            ended_at=_moment(ended) if ended else None,
            status=status,
            error=str(problem) if status == "failed" and problem else None,
        )

    def _pages(self, path: str, query: dict[str, str], field: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            page = self._ask("GET", f"{path}?{urlencode(query | ({'page_token': token} if token else {}))}")
            yield from cast(list[dict[str, Any]], page.get(field, []))
            token = str(page.get("next_page_token") or "")
            if not token:
                return

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token()}"}
        try:
            response = self._http.request(method, self._base + path, json=body, headers=headers)
        except httpx.HTTPError as error:
            problem = f"Databricks cannot be reached ({type(error).__name__})"
            raise Unavailable(problem, hint=f"is {self._base} its address?") from None
        if response.is_success:
            return _object(response)
        raise _error(response)


def _status(run: dict[str, Any]) -> JobStatus:
    """From `status` (2.1 since 2024, 2.2), or from the older `state`."""
    state = run.get("status", {}).get("state") or run.get("state", {}).get("life_cycle_state", "")
    if state in _RUNNING:
        return "running"
    code = run.get("status", {}).get("termination_details", {}).get("code") or run.get("state", {}).get(
        "result_state", ""
    )
    if code == "SUCCESS":
        return "succeeded"
    return "cancelled" if code in _CANCELLED else "failed"


def _error(response: httpx.Response) -> Exception:
    told = _object(response, fails=False)
    message = f"Databricks answered {response.status_code}: {str(told.get('message', ''))[:200]}"
    kinds: dict[int, type[NotFound | Forbidden | InvalidInput | Conflict]] = {
        400: InvalidInput, 401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict,
    }  # fmt: skip
    if told.get("error_code") == "RESOURCE_DOES_NOT_EXIST" or "does not exist" in message:
        return NotFound(message)
    kind = kinds.get(response.status_code)
    return Unavailable(message) if kind is None else kind(message)


def _object(response: httpx.Response, *, fails: bool = True) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        if not fails:
            return {}
        raise Unavailable("Databricks' answer is not JSON", hint="is that a workspace's address?") from None
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
