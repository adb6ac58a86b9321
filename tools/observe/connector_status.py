"""Whether the connector that fills a source runs, and what it says when it does not."""

from __future__ import annotations

from platform_core.urn import urn
from platform_core.view import PlatformView
from tools.answers import success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import connector_resource, find_source, name_of


class Arguments(ToolArguments):
    source: str


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """The connector's desired and observed state."""
    source = find_source(platform, name_of(arguments.source, "source"))
    resource, spec = connector_resource(platform, source.name)
    state = str(resource.status.get("state", "unknown"))
    error = resource.status.get("error")
    figures = {
        "state": state,
        "desired": spec.desired,
        "up": state == "running",
        "failed": state == "failed",
        "paused": spec.desired == "paused",
        "backlog": resource.status.get("backlog"),
        "restarts": spec.restarts,
        "error": error,
        "tenant": source.tenant,
        "deployment": source.deployment and urn("deployment", name_of(source.deployment, "deployment")),
    }
    said = f": {error}" if error else ""
    return success(f"connector {source.name} is {state} (desired {spec.desired}){said}", figures)


TOOL = Tool(
    name="connector_status",
    summary="State, error and backlog of the connector that fills a source",
    arguments=Arguments,
    example={"source": "payments_br"},
    figures={
        "tenant": "whose source it is, by the catalog",
        "state": "what the connector's controller last reported",
        "desired": "the state its spec asks for",
        "up": "whether it runs",
        "failed": "whether it failed",
        "paused": "whether somebody asked it to pause",
        "backlog": "events waiting in the topic",
        "restarts": "restarts asked for so far",
        "error": "its error, verbatim",
        "deployment": "URN of the service that publishes to it",
    },
    run=observe,
)
