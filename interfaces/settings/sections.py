"""The sections of the settings. Every field has a default that works on one machine without any account."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator

from foundation.frozen import Frozen
from foundation.secrets.setting import ByReference, Secret
from foundation.secrets.urls import UrlWithSecret


class ClockSettings(Frozen):
    """Without `origin` the operating system's clock. With it, a clock that showed `origin` when the wall showed
    `started`, and runs `speed` times as fast: every process of a simulation is given the same three."""

    origin: datetime | None = None
    started: datetime | None = None
    speed: float = Field(default=1.0, gt=0, le=3600)

    @field_validator("origin", "started")
    @classmethod
    def _zoned(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time needs its zone, e.g. 2026-11-19T05:40:00Z")
        return value if value is None else value.astimezone(UTC)


class HttpSettings(Frozen):
    """Where the copilot listens."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    max_body_bytes: int = Field(default=1_048_576, ge=1024, le=64 * 1_048_576)
    public_url: AnyHttpUrl | None = None
    """What people open: shown on cards. The address it listens on when not set."""


class RunSettings(Frozen):
    """`vigia platform run`: how often it does what, in seconds of the wall, where it answers `/metrics`, `/livez` and
    `/readyz`, and where alerts go."""

    host: str = "127.0.0.1"
    port: int = Field(default=8083, ge=0, le=65535)
    materialize_seconds: float = Field(default=5, gt=0, le=86400)
    monitor_seconds: float = Field(default=30, gt=0, le=86400)
    tidy_seconds: float = Field(default=60, gt=0, le=86400)
    """Between two tables that are compacted."""

    rollout_seconds: float = Field(default=5, gt=0, le=86400)
    """Between two looks at what is being rolled out; how often one looks does not make it more often wrong."""

    reload_seconds: float = Field(default=10, gt=0, le=86400)
    """How soon a newly applied catalog is seen."""

    deliver_alerts: bool = True
    """Whether its monitors post their alerts; off where Prometheus and Alertmanager do."""

    webhook_url: AnyHttpUrl | None = None
    """Takes what Alertmanager posts (version 4). The copilot's, when not set and a source of that kind is."""

    webhook_secret: Secret | None = None
    """Its bearer token. That of the copilot's source, when the copilot is meant."""


class AlertSourceSettings(Frozen):
    """One system that may send alerts. `secret`: a bearer token, or PagerDuty's webhook signing secret."""

    kind: Literal["alertmanager", "pagerduty", "cloudevents"]
    secret: Annotated[SecretStr, ByReference(16)]
    tenants: frozenset[str] = frozenset({"*"})
    """Tenants it may speak for; `*` means all of the catalog's."""

    origin: str | None = None
    """What its payloads must say they come from (a prefix of Alertmanager's `externalURL`, of a CloudEvent's `source`,
    of a PagerDuty incident's `html_url`); not checked when not set."""


class AlertSettings(Frozen):
    sources: dict[str, AlertSourceSettings] = Field(default_factory=dict)
    max_per_payload: int = Field(default=2000, ge=1)


class ConsoleSettings(Frozen):
    session_secret: Annotated[SecretStr, ByReference(32)] | None = None
    """Signs the session cookie; made afresh at each start when not set, which signs everybody out."""

    session_hours: float = Field(default=12, gt=0, le=168)
    secure_cookies: bool = False
    """Set it where the console is served over HTTPS."""


class SlackSettings(Frozen):
    """Slack is on when a bot token is set. `app_token` selects Socket Mode, `signing_secret` HTTP."""

    bot_token: Secret | None = None
    signing_secret: Secret | None = None
    app_token: Secret | None = None
    channel: str | None = None
    """For cards of tenants without a channel of their own, of what belongs to no tenant, reports and heads of the audit
    log: whoever is in it reads of every such tenant."""

    channels: dict[str, str] = Field(default_factory=dict)
    """By tenant: where its cards, their evidence and reminders are posted."""

    base_url: AnyHttpUrl | None = None
    """Of Slack's Web API; set only to talk to an emulator."""


class LlmSettings(Frozen):
    """A language model writes the prose when a provider is set; the diagnosis never needs one."""

    provider: Literal["none", "openai", "litellm"] = "none"
    model: str | None = None
    api_key: Secret | None = None
    base_url: AnyHttpUrl | None = None
    timeout_seconds: float = Field(default=20, gt=0, le=300)


class WorkerSettings(Frozen):
    """`metrics_port`: where the worker answers `/metrics`, `/livez` and `/readyz`; nowhere when not set, 0 for any free
    port."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    retraining_check_hours: float = Field(default=24, ge=0)
    """How often, on the platform's clock, models in production are looked at for drift and decay; 0: never. What is
    found becomes a proposal."""


class HealthSettings(Frozen):
    """The nightly health report, written by the worker and posted to Slack where that is set up."""

    nightly: bool = True
    at: time = time(3, 0)
    """UTC, on the platform's clock."""

    @field_validator("at")
    @classmethod
    def _plain(cls, value: time) -> time:
        if value.tzinfo is not None:
            raise ValueError("a time of day in UTC, without a zone, e.g. 03:00")
        return value


class OnlineSettings(Frozen):
    kind: Literal["sqlite", "redis", "dynamodb", "feast"] = "sqlite"
    url: UrlWithSecret | None = Field(default=None, repr=False)
    """redis://host:port/0, an endpoint of DynamoDB other than the region's own, or the directory of a Feast
    repository; not used for SQLite, which lives in the data directory."""

    table: str = "vigia-online"
    """Of DynamoDB; made when it is not there and these credentials may make it."""

    region: str | None = None
    """Of DynamoDB; as boto3 finds it when not set."""

    tenant: str | None = None
    """Whose values a Feast repository holds; its project's name when not set."""


class WitnessSettings(Frozen):
    """Somebody else's witness (c2sp.org/tlog-witness): where it takes checkpoints, and its verifier key."""

    url: AnyHttpUrl
    key: str


class AuditSettings(Frozen):
    origin: str = "vigia/audit"
    """The log's name on its checkpoints and in its key. Change it before the first checkpoint, never after."""

    checkpoint_seconds: float = Field(default=15, gt=0, le=3600)
    """On the wall. What came after the newest checkpoint could be cut off unseen."""

    anchor_minutes: float = Field(default=60, gt=0, le=1440)
    """On the wall: how often the newest head is posted to the anchors."""

    anchor_file: Path | None = None
    """A file that the database's owner cannot write, on another machine's storage at best; each head is appended.
    Make it, empty, before its first use: one that is not there is taken for one that somebody removed."""

    anchor_slack: bool = True
    """Post heads to the channel, where Slack is set up."""

    witnesses: dict[str, WitnessSettings] = Field(default_factory=dict)
    quorum: int = Field(default=0, ge=0)
    """How many of the witnesses must have signed for entries to count as witnessed; all of them when 0."""
