"""The whole house with a canary in every source, and what comes out at every sink.

Boundaries can be switched off one by one, to show that the canaries do reach them.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from agents.llm.port import ChatMessage, Completion
from foundation.telemetry.logs import configure_logs, get_logger
from foundation.telemetry.traces import configure_traces, span
from interfaces.bootstrap.copilot import copilot_app
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.stores import make_incidents
from interfaces.bootstrap.worker import make_worker
from interfaces.principals import add_principal
from interfaces.settings import Settings
from interfaces.settings.sections import AlertSettings, AlertSourceSettings
from interfaces.settings.serving import ServingSettings
from interfaces.slack.notifier import SlackNotifier
from platform_core.operations.resources import JobSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.operations.timeline import ChangeEvent, JobRun
from tests.fakes.disguises import full_width, percent

SECRET = "a-secret-of-enough-length"
JOB = "urn:vigia:job:materialize-device_risk"
VIEW = "urn:vigia:feature_view:device_risk"

CANARIES = {
    "label": "52998224725",
    "annotation": "label.person@example.com",
    "annotation in percent": percent("percent.person@example.com"),
    "annotation in base64": base64.b64encode(b"base.person@example.com").decode(),
    "annotation in full width": full_width("4111111111111111"),
    "job error": "job.person@example.com",
    "job error card": "5555 5555 5555 4444",
    "job error password": "hunter2hunter2",
    "change event": "change.person@example.com",
    "change author": "author.person@example.com",
    "feedback": "feedback.person@example.com",
    "reason": "reason.person@example.com",
    "model answer": "model.person@example.com",
    "log": "log.person@example.com",
    "log key": "529.982.247-25",
    "traceback": "traceback.person@example.com",
    "foreign log": "foreign.person@example.com",
    "span": "span.person@example.com",
    "span error": "spanerror.person@example.com",
}


class Leaks:
    """What each sink shows, as one text each."""

    def __init__(self, sinks: dict[str, str]) -> None:
        self.sinks = sinks

    def found(self) -> dict[str, list[str]]:
        """By sink, the canaries in it."""
        shown = {sink: [n for n, value in CANARIES.items() if value in text] for sink, text in self.sinks.items()}
        return {sink: names for sink, names in shown.items() if names}


class Nothing:
    """A redactor that is switched off."""

    def redact(self, text: str, *, key: str = "") -> str:
        return text

    def redact_value(self, value: Any, *, key: str = "") -> Any:
        return value


class _OpenText:
    """`OutsideText` switched off."""

    def __init__(self, _redact: object) -> None:
        pass

    def text(self, text: str, *, key: str = "") -> str:
        return text.replace("\x00", "")

    def optional(self, text: str | None, *, key: str = "") -> str | None:
        return text

    def value(self, value: Any, *, key: str = "") -> Any:
        return value


SWITCHES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "alerts": lambda patch: patch.setattr("agents.incident.inbox.OutsideText", _OpenText),
    "tools": lambda patch: patch.setattr("tools.runner.OutsideText", _OpenText),
    "timeline": lambda patch: patch.setattr("agents.incident.store.OutsideText", _OpenText),
    "feedback": lambda patch: patch.setattr("agents.incident.feedback.OutsideText", _OpenText),
    "people": lambda patch: patch.setattr("interfaces.http.services.OutsideText", _OpenText),
    "model": lambda patch: patch.setattr("interfaces.bootstrap.language.redactor", lambda _: Nothing()),
    "logs": lambda patch: patch.setattr("foundation.telemetry.redacting.RedactEvent._text", lambda _s, _k, text: text),
    "traces": lambda patch: patch.setattr("foundation.telemetry.traces._redacted", lambda text: text),
    "slack": lambda _: None,
}


class _Model:
    """A language model that says a name it was never told, and remembers what it was."""

    provider, model = "fake", "fake-1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        self.asked.append(json.dumps([message.content for message in messages], ensure_ascii=False))
        said = [{"text": f"The job failed for {CANARIES['model answer']}.", "evidence_ids": ["E1"]}]
        return Completion(text=json.dumps(said), model=self.model, input_tokens=1, output_tokens=1)


class _Slack:
    """What would have been posted."""

    def __init__(self) -> None:
        self.posted: list[str] = []

    def chat_postMessage(self, **arguments: Any) -> Any:  # noqa: N802 - Slack's name
        self.posted.append(json.dumps(arguments, ensure_ascii=False))
        return type("Answer", (), {"data": {"channel": "C1", "ts": "1.1"}})()

    chat_update = chat_postMessage


def run(path: Path, patch: pytest.MonkeyPatch, *, off: frozenset[str] = frozenset()) -> Leaks:
    """One incident from alert to report with the boundaries `off` switched off."""
    for name in off:
        SWITCHES[name](patch)
    model, slack = _Model(), _Slack()
    patch.setattr("interfaces.bootstrap.language.make_model", lambda _: model)
    settings = Settings(
        data_dir=path,
        serving=ServingSettings(control_token=SecretStr("a-control-token-of-length")),
        alerts=AlertSettings(sources={"monitors": AlertSourceSettings(kind="alertmanager", secret=SecretStr(SECRET))}),
    )
    base = open_foundations(settings)
    _prepare(base)
    key = add_principal(path / "principals.yaml", name="alice", roles=["oncall"], tenants=["*"])
    web = TestClient(copilot_app(base))
    posted = web.post("/v1/webhooks/alertmanager", json=_page(base), headers={"Authorization": f"Bearer {SECRET}"})
    assert posted.status_code == 202, posted.text
    shown = Nothing().redact if "slack" in off else redactor(settings).redact
    notifier = SlackNotifier(base.engine, slack, channel="C1", redact=shown, evidence=make_incidents(base))  # type: ignore[arg-type]
    worker = make_worker(base, notifiers=[notifier])
    for _ in range(50):
        if not worker.step():
            break
    bearer = {"Authorization": f"Bearer {key}"}
    said = {"correct": False, "actual_cause": "renamed_column", "note": f"says {CANARIES['feedback']}"}
    assert web.post("/v1/incidents/1/feedback", json=said, headers=bearer).status_code == 201
    stop = {"engaged": True, "reason": f"asked by {CANARIES['reason']}"}
    assert web.post("/v1/kill-switch", json=stop, headers=bearer).status_code == 200
    web.post("/console/login", data={"api_key": key})
    telemetry = _telemetry(redactor(settings).redact)
    sinks = {
        "api": "".join(
            web.get(f"/v1/incidents/1{part}", headers=bearer).text for part in ("", "/alerts", "/evidence", "/timeline")
        ),
        "console": web.get("/console/incidents/INC-0001").text + web.get("/console/").text,
        "model": "".join(model.asked),
        "slack": "".join(slack.posted),
        "audit": json.dumps([entry.model_dump(mode="json") for entry in base.audit.entries()], ensure_ascii=False),
        "reports": "".join(file.read_text() for file in (path / "reports").glob("*.md")),
        "runbooks": "".join(file.read_text() for file in (path / "runbooks").glob("*.md")),
        "database": _rows(path / "vigia.db", without=("job_runs", "change_events")),
        "other files": "".join(
            file.read_bytes().decode("latin-1")
            for file in sorted(path.rglob("*"))
            if file.is_file() and not file.name.startswith("vigia.db")
        ),
        **telemetry,
    }
    base.engine.dispose()
    return Leaks(sinks)


def _prepare(base: Foundations) -> None:
    now = base.clock.now()
    SqlResources(base.engine, base.clock, base.audit).create(JOB, JobSpec(subject=VIEW), actor="service:test")
    error = (
        f"bad row of {CANARIES['job error']}\x00 card {CANARIES['job error card']}: device_id is null; "
        f"postgresql://etl:{CANARIES['job error password']}@db/features"
    )
    for minute in (4, 3, 2):
        run = JobRun(
            id=f"run_{minute}",
            job=JOB,
            subject=VIEW,
            tenant="mx",
            started_at=now - timedelta(minutes=minute),
            ended_at=now - timedelta(minutes=minute, seconds=-5),
            status="failed",
            error=error,
        )
        SqlOperations(base.engine).record_job(run)
    change = ChangeEvent(
        id="chg_1",
        at=now - timedelta(minutes=6),
        kind="deploy",
        subject=VIEW,
        tenant="mx",
        summary=f"as {CANARIES['change event']} wished",
        author=CANARIES["change author"],
    )
    SqlOperations(base.engine).record_change(change)


def _page(base: Foundations) -> dict[str, object]:
    summary = " ; ".join(["3 runs failed for", *(CANARIES[name] for name in CANARIES if name.startswith("annotation"))])
    labels = {"alertname": "Job", "kind": "job_failure", "subject": JOB, "tenant": "mx", "severity": "critical"}
    alert = {
        "status": "firing",
        "labels": {**labels, "customer_cpf": CANARIES["label"]},
        "annotations": {"summary": summary},
        "startsAt": base.clock.now().isoformat(),
        "fingerprint": "f1",
    }
    return {"version": "4", "alerts": [alert]}


def _telemetry(redact: Callable[[str], str]) -> dict[str, str]:
    """Log lines, a traceback and spans, written and taken down again."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream, exporter = io.StringIO(), InMemorySpanExporter()
    try:
        configure_logs(redact=redact, stream=stream)
        configure_traces("leaks", redact=redact, processors=(SimpleSpanProcessor(exporter),))
        log = get_logger("leaks")
        log.info("seen", person=CANARIES["log"], rows=[{"cpf": CANARIES["log key"]}])
        logging.getLogger("library").warning("could not mail %s", CANARIES["foreign log"])
        with suppress(ValueError), span("work", who=CANARIES["span"]):
            int(CANARIES["span error"])
        try:
            int(CANARIES["traceback"])
        except ValueError:
            log.exception("failed")
    finally:
        root.handlers, root.level = before, level
        configure_traces("after")
    spans = "".join(finished.to_json() for finished in exporter.get_finished_spans())
    return {"logs": stream.getvalue(), "traces": spans}


def _rows(database: Path, without: Sequence[str]) -> str:
    """Everything in the tables of a SQLite file but those of the platform itself, which are where errors come from."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [
            row for table in tables if table not in without for row in connection.execute(f'SELECT * FROM "{table}"')
        ]
    return "\n".join(
        " ".join(value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row) for row in rows
    )


__all__ = ["CANARIES", "SWITCHES", "Leaks", "run"]
