"""Any resource: what its spec asks for and what its controller last saw."""

from __future__ import annotations

from typing import Any

from platform_core.urn import parse_urn
from platform_core.view import PlatformView
from tools.answers import success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool


class Arguments(ToolArguments):
    urn: str


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Scalar fields of spec and status as figures."""
    parse_urn(arguments.urn)
    resource = platform.resources.get(arguments.urn)
    spec = resource.spec.model_dump(mode="json")
    figures: dict[str, Any] = {
        "kind": resource.spec.kind,
        "revision": resource.revision,
        "updated_at": resource.updated_at,
        "state": resource.status.get("state"),
        "desired": spec.get("desired"),
        "quarantined": spec.get("quarantine_since") is not None,
        "subject": spec.get("subject"),
        "replicas_converged": spec.get("replicas") == resource.status.get("replicas_ready"),
    }
    figures |= {f"spec_{k}": v for k, v in spec.items() if not isinstance(v, dict | list)}
    figures |= {f"status_{k}": v for k, v in resource.status.items() if not isinstance(v, dict | list)}
    state = figures["state"] or figures["desired"] or "as specified"
    return success(f"{arguments.urn} is {state} (revision {resource.revision})", figures)


TOOL = Tool(
    name="resource_status",
    summary="Spec and status of any resource of the platform",
    arguments=Arguments,
    example={"urn": "urn:vigia:job:online-compaction"},
    figures={
        "kind": "kind of the resource",
        "revision": "revision of its spec",
        "updated_at": "when it was last changed",
        "state": "state its controller reports, if it does",
        "desired": "state its spec asks for, if it has one",
        "quarantined": "whether a quarantine is set (sources)",
        "subject": "URN it works on or watches (jobs, monitors)",
        "replicas_converged": "whether as many replicas are ready as asked for (endpoints)",
        "spec_<field>": "each scalar field of the spec",
        "status_<field>": "each scalar field of the status",
    },
    run=observe,
)
