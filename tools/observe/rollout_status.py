"""What an endpoint serves: champion, canary, share, replicas."""

from __future__ import annotations

from datetime import timedelta

from platform_core.view import PlatformView
from tools.answers import success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import endpoint_resource, name_of

LOOK_BACK = timedelta(days=30)


class Arguments(ToolArguments):
    endpoint: str


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Desired rollout from the spec, what is served from the status, and when it last changed."""
    resource, spec = endpoint_resource(platform, name_of(arguments.endpoint, "endpoint"))
    now = platform.clock.now()
    events = platform.operations.changes(now - LOOK_BACK, now, subjects=[resource.urn], kinds=["rollout"])
    serving = resource.status.get("serving")
    served = serving if isinstance(serving, dict) else {}
    figures = {
        "champion": spec.champion,
        "canary": spec.canary,
        "has_canary": spec.canary is not None,
        "canary_percent": spec.canary_percent,
        "strategy": spec.strategy,
        "halted": spec.canary is not None and spec.halted == spec.canary,
        "previous_champion": spec.previous_champion,
        "serving_champion": served.get("champion"),
        "serving_canary": served.get("canary"),
        "serving_canary_gone": spec.canary is None and served.get("canary") is None,
        "converged": served.get("champion") == spec.champion and served.get("canary") == spec.canary,
        "replicas": spec.replicas,
        "replicas_ready": resource.status.get("replicas_ready"),
        "last_rollout_at": events[-1].at if events else None,
        "minutes_since_rollout": (now - events[-1].at).total_seconds() / 60 if events else None,
    }
    canary = f", canary {spec.canary} at {spec.canary_percent} %" if spec.canary else ", no canary"
    name = resource.urn.rsplit(":", 1)[1]
    return success(f"{name} serves {spec.model} {spec.champion}{canary}, {spec.replicas} replicas", figures)


TOOL = Tool(
    name="rollout_status",
    summary="Model versions, canary share and replicas of an endpoint",
    arguments=Arguments,
    example={"endpoint": "fraud-mx"},
    figures={
        "champion": "version the spec asks for",
        "canary": "canary version, none without one",
        "has_canary": "whether there is one",
        "canary_percent": "its share of traffic, 0..100",
        "strategy": "canary, shadow, champion_challenger or blue_green",
        "halted": "whether the candidate was halted: it answers nobody",
        "previous_champion": "version before the last promotion, none without one",
        "serving_champion": "version the server reports",
        "serving_canary": "canary the server reports",
        "serving_canary_gone": "whether neither the spec nor the server has a canary",
        "converged": "whether the server serves what the spec asks for",
        "replicas": "replicas asked for",
        "replicas_ready": "replicas ready",
        "last_rollout_at": "time of the newest rollout event within 30 days",
        "minutes_since_rollout": "minutes since then",
    },
    run=observe,
)
