"""The settings of every process, as one immutable value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from foundation.secrets.urls import UrlWithSecret, masked_url
from interfaces.settings.decisions import ApprovalSettings, BudgetSettings
from interfaces.settings.models import ModelSettings
from interfaces.settings.operations import AttachedSettings, SecretSettings, TelemetrySettings, UsageSettings
from interfaces.settings.redaction import RedactionSettings
from interfaces.settings.sections import (
    AlertSettings,
    AuditSettings,
    ClockSettings,
    ConsoleSettings,
    HealthSettings,
    HttpSettings,
    LlmSettings,
    OnlineSettings,
    RunSettings,
    SlackSettings,
    WorkerSettings,
)
from interfaces.settings.serving import ServingSettings, SimulationSettings
from platform_core.access.principals import Environment

PREFIX = "VIGIA__"
DELIMITER = "__"


class Settings(BaseSettings):
    """Read from the environment: `VIGIA__HTTP__PORT=9000` is `settings.http.port`.

    Sources of alerts are named by whoever configures them:
    `VIGIA__ALERTS__SOURCES__<NAME>__KIND=alertmanager`, `…__SECRET=…`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Path(".vigia")
    database_url: UrlWithSecret = Field(default="", repr=False)
    """SQLAlchemy URL; `vigia.db` in the data directory when not set."""

    principals_path: Path | None = None
    """YAML file of the people who may use this; `principals.yaml` in the data directory when not set."""

    policy_path: Path | None = None
    """YAML file of the policy; the built-in one (everything in production needs approval) when not set."""

    gate_policy_path: Path | None = None
    """YAML file of the limits that model versions are held to before they move up; the defaults when not set."""

    catalog_path: Path | None = None
    """Directory of catalog files; the simulated company's when not set. Once a catalog was applied, that one holds."""

    environment: Environment = "production"
    """Which environment's catalog this reads, plans and applies: dev, staging or production."""

    shared_stores: bool = False
    """Whether database and data directory are shared with other environments on purpose; otherwise each is stamped with
    the environment that made it, and refused to others."""

    secrets: SecretSettings = Field(default_factory=SecretSettings)
    clock: ClockSettings = Field(default_factory=ClockSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    serving: ServingSettings = Field(default_factory=ServingSettings)
    simulation: SimulationSettings = Field(default_factory=SimulationSettings)
    run: RunSettings = Field(default_factory=RunSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    console: ConsoleSettings = Field(default_factory=ConsoleSettings)
    slack: SlackSettings = Field(default_factory=SlackSettings)
    llm: LlmSettings = Field(default_factory=LlmSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    attached: AttachedSettings = Field(default_factory=AttachedSettings)
    usage: UsageSettings = Field(default_factory=UsageSettings)
    approvals: ApprovalSettings = Field(default_factory=ApprovalSettings)
    budgets: BudgetSettings = Field(default_factory=BudgetSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    models: ModelSettings = Field(default_factory=ModelSettings)
    online: OnlineSettings = Field(default_factory=OnlineSettings)
    redaction: RedactionSettings = Field(default_factory=RedactionSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not values.get("database_url"):
            directory = Path(values.get("data_dir") or cls.model_fields["data_dir"].default)
            values["database_url"] = f"sqlite:///{directory.absolute() / 'vigia.db'}"
        return values

    @property
    def database_name(self) -> str:
        """For people: the file, or the server's address without its password."""
        return masked_url(self.database_url).removeprefix("sqlite:///")

    @property
    def copilot_url(self) -> str:
        public = self.http.public_url
        return str(public).rstrip("/") if public else f"http://{self.http.host}:{self.http.port}"

    @property
    def serving_url(self) -> str:
        base = self.serving.base_url
        return str(base).rstrip("/") if base else f"http://{self.serving.host}:{self.serving.port}"

    @property
    def simulation_url(self) -> str:
        return f"http://{self.simulation.host}:{self.simulation.port}"

    @property
    def principals_file(self) -> Path:
        return self.principals_path or self.data_dir / "principals.yaml"
