"""Settings of operations: secrets, telemetry, use and cost, other platforms."""

from __future__ import annotations

from typing import Literal

from pydantic import AnyHttpUrl, Field

from foundation.frozen import Frozen
from foundation.secrets.setting import Secret


class SecretSettings(Frozen):
    """Any secret here, and any URL that may hold one, can be a reference instead: `env:NAME`, `file:/path` (of mode
    0600) or `vault:mount/path#field`. What is in a file or in Vault may change while a process runs."""

    vault_address: AnyHttpUrl | None = None
    """Of HashiCorp Vault or OpenBao, with a KV engine of version 2."""

    vault_token: Secret | None = None
    """As it is, or `env:…` or `file:…`, for instance where Vault's agent writes it."""

    vault_namespace: str | None = None
    vault_timeout_seconds: float = Field(default=3, gt=0, le=60)
    vault_refresh_seconds: float = Field(default=60, ge=0, le=86400)
    """How long a secret that was read is used before Vault is asked again."""

    vault_stale_seconds: float = Field(default=600, ge=0, le=86400)
    """How much longer while Vault does not answer."""


class TelemetrySettings(Frozen):
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp_endpoint: AnyHttpUrl | None = None
    """Base address of a collector or backend that takes OTLP over HTTP, e.g. http://127.0.0.1:4318."""

    otlp_headers: dict[str, Secret] = Field(default_factory=dict)
    """Sent with everything, e.g. {"authorization": "file:/run/secrets/otlp"}."""

    otlp_signals: frozenset[Literal["traces", "logs", "metrics"]] = frozenset({"traces", "logs", "metrics"})
    """What is sent there; leave metrics out where Prometheus scrapes."""

    otlp_metric_seconds: float = Field(default=15, gt=0, le=3600)
    trace_sample: float = Field(default=1.0, ge=0, le=1)
    """The share of traces that are kept, decided where a trace begins."""

    resource_attributes: dict[str, str] = Field(default_factory=dict)
    """Added to what every signal says about its process, e.g. {"cloud.region": "sa-east-1"}."""


class AttachedSettings(Frozen):
    """Other platforms under this one's control plane (`vigia attached`)."""

    sagemaker: bool = False
    """Endpoints of SageMaker that have the tag `vigia:tenant`; credentials as boto3 finds them."""

    sagemaker_region: str | None = None
    sagemaker_url: AnyHttpUrl | None = None
    """Another address than the region's own."""

    databricks_host: AnyHttpUrl | None = None
    """Of a workspace, e.g. https://dbc-a1b2.cloud.databricks.com."""

    databricks_token: Secret | None = None
    databricks_tenant: str | None = None
    """Whose its jobs are; nobody's in particular when not set."""

    databricks_api: Literal["2.1", "2.2"] = "2.2"
    """The version of the Jobs API that the workspace is asked by."""


class UsageSettings(Frozen):
    """What use is charged at, to share the platform's cost among those who use it; nothing costs anything when not
    set. What endpoints were billed comes from the billing export and is shown beside it."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    account: str = "vigia"
    """FOCUS' BillingAccountId."""

    per_million_predictions: float = Field(default=0, ge=0)
    per_million_feature_reads: float = Field(default=0, ge=0)
    per_million_materialized_rows: float = Field(default=0, ge=0)
    collect_seconds: float = Field(default=60, gt=0, le=3600)
    """How often what was counted is stored, on the wall."""
