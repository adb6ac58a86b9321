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

INCIDENT_ID: Final = "vigia.incident.id"
TOOL_STATUS: Final = "vigia.tool.status"


def span_name(operation: str, subject: str) -> str:
    """`{operation} {subject}`, as the conventions want it: low in cardinality, readable in a list."""
    return f"{operation} {subject}"
