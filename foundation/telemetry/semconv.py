"""Names of spans and attributes, in one place.

The `gen_ai.*` names follow the OpenTelemetry semantic conventions for generative AI; they are still in development and
have been renamed before (`gen_ai.system` became `gen_ai.provider.name`), which is why nothing else spells them out.
"""

from __future__ import annotations

from typing import Final

# Span names: the operation, then what it is about (`execute_tool freshness`, `chat gpt-5`).
INVOKE_AGENT: Final = "invoke_agent"
EXECUTE_TOOL: Final = "execute_tool"
CHAT: Final = "chat"

PROVIDER_NAME: Final = "gen_ai.provider.name"
OPERATION_NAME: Final = "gen_ai.operation.name"
AGENT_NAME: Final = "gen_ai.agent.name"
TOOL_NAME: Final = "gen_ai.tool.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
RESPONSE_MODEL: Final = "gen_ai.response.model"
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
ERROR_TYPE: Final = "error.type"

# HTTP, stable since 1.23: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_RESPONSE_SIZE: Final = "http.response.body.size"
URL_SCHEME: Final = "url.scheme"

# Databases: https://opentelemetry.io/docs/specs/semconv/database/database-spans/
DB_SYSTEM: Final = "db.system.name"

ENVIRONMENT: Final = "deployment.environment.name"

# Our own. Span names: `score fraud-br` and in it `retrieve_features fraud_v1`, `predict fraud_score` and `answer`;
# `change_resource urn:…`, `run_job urn:…`.
SCORE: Final = "score"
RETRIEVE_FEATURES: Final = "retrieve_features"
PREDICT: Final = "predict"
ANSWER: Final = "answer"
CHANGE_RESOURCE: Final = "change_resource"
RUN_JOB: Final = "run_job"

INCIDENT_ID: Final = "vigia.incident.id"
TOOL_STATUS: Final = "vigia.tool.status"
ENDPOINT: Final = "vigia.endpoint"
MODEL_VERSION: Final = "vigia.model.version"
VARIANT: Final = "vigia.rollout.variant"
DECISION: Final = "vigia.decision"
FALLBACK: Final = "vigia.fallback"
FEATURE_SERVICE: Final = "vigia.feature_service"
FEATURES_MISSING: Final = "vigia.features.missing"
FEATURES_EXPIRED: Final = "vigia.features.expired"
TENANT: Final = "vigia.tenant"
SUBJECT: Final = "vigia.subject"
RESOURCE_KIND: Final = "vigia.resource.kind"
CHANGE_KIND: Final = "vigia.change.kind"
JOB_STATUS: Final = "vigia.job.status"
ROWS: Final = "vigia.rows"

PLAIN: Final = frozenset({HTTP_METHOD, HTTP_ROUTE, URL_SCHEME, OPERATION_NAME, ERROR_TYPE, TOOL_NAME, TOOL_STATUS,
    ENDPOINT, MODEL_VERSION, VARIANT, DECISION, FALLBACK, FEATURE_SERVICE, DB_SYSTEM, TENANT, SUBJECT, RESOURCE_KIND,
    CHANGE_KIND, JOB_STATUS})  # fmt: skip
"""Attributes whose texts are names out of our own catalog, code or configuration: they are not redacted, which would
cost more than the span. Whatever a caller can choose does not belong here."""


def span_name(operation: str, subject: str) -> str:
    """`{operation} {subject}`, as the conventions want it: low in cardinality, readable in a list."""
    return f"{operation} {subject}"
