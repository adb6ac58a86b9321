"""The rollout as a state machine over an endpoint's spec. Pure functions: a spec in, the fields to patch out.

    none ──start──> pending ──advance──> running ──promote──> none (promoted)
                       │                    │
                       │                  halt           halted ──resume──> running
                       │                    └──────────────> │
                       └────────roll_back──┬─────────────────┘──> none (rolled back)

The state is read off the spec, so that nothing can disagree with what the workers do: a candidate that was halted is
halted whatever its percent says, and stays so until `resume`. How earlier rollouts ended is read off the change events
(`history`). Halting is the one step that needs no permission: it only gives traffic back to the approved champion.
"""

from __future__ import annotations

from typing import Any, Literal

from foundation.errors import Conflict, InvalidInput
from platform_core.operations.rollout_spec import RolloutGuard, RolloutSpec, RolloutStrategy

RolloutState = Literal["none", "pending", "running", "halted"]
RolloutStep = Literal["start", "advance", "halt", "resume", "promote", "roll_back"]

ALLOWED: dict[RolloutState, tuple[RolloutStep, ...]] = {
    "none": ("start", "roll_back"),
    "pending": ("advance", "halt", "roll_back"),
    "running": ("advance", "halt", "promote", "roll_back"),
    "halted": ("halt", "resume", "roll_back"),
}
"""`roll_back` from `none` goes back to the champion before the last promotion; `halt` when halted changes nothing."""

Fields = dict[str, Any]


def state_of(spec: RolloutSpec) -> RolloutState:
    """Where the rollout of `spec` is."""
    if spec.canary is None:
        return "none"
    if spec.canary == spec.halted:
        return "halted"
    return "running" if spec.strategy == "shadow" or spec.canary_percent > 0 else "pending"


def start(
    spec: RolloutSpec,
    version: str,
    *,
    strategy: RolloutStrategy = "canary",
    percent: int = 0,
    guards: tuple[RolloutGuard, ...] | None = None,
) -> Fields:
    """Bring in `version` beside the champion. `guards` None keeps those of the endpoint.

    That the version was halted here before is forgotten by it: whoever starts it again says so by its name. Raises
    Conflict while another rollout is under way, InvalidInput for a share that the strategy does not have.
    """
    _require(spec, "start")
    if version == spec.champion:
        raise InvalidInput(f"version {version!r} is the champion already", hint="start another version")
    check_share(strategy, percent)
    wanted: Fields = {"canary": version, "canary_percent": percent, "strategy": strategy, "halted": None}
    if guards is not None:
        wanted["guards"] = tuple(guard.model_dump(mode="json") for guard in guards)
    return changed(spec, wanted)


def advance(spec: RolloutSpec, percent: int) -> Fields:
    """Set the candidate's share. Raises Conflict when it was halted, InvalidInput for a share its strategy has not."""
    _require(spec, "advance")
    if percent == spec.canary_percent:
        raise Conflict(f"version {spec.canary!r} has {percent} % already", hint="nothing to do")
    check_share(spec.strategy, percent)
    return changed(spec, {"canary_percent": percent})


def halt(spec: RolloutSpec) -> Fields:
    """Give all traffic back to the champion, and keep the candidate where one can look at it. Empty when it is so
    already. Raises Conflict without a rollout. The champion, the model and the rest of the spec are never touched."""
    _require(spec, "halt")
    return changed(spec, {"halted": spec.canary, "canary_percent": 0})


def resume(spec: RolloutSpec, percent: int) -> Fields:
    """Let a halted candidate answer again."""
    _require(spec, "resume")
    check_share(spec.strategy, percent)
    return changed(spec, {"halted": None, "canary_percent": percent})


def promote(spec: RolloutSpec) -> Fields:
    """Make the candidate the champion; the champion stays loaded for the way back."""
    _require(spec, "promote")
    return changed(
        spec,
        {
            "champion": spec.canary,
            "previous_champion": spec.champion,
            "canary": None,
            "canary_percent": 0,
            "strategy": "canary",
        },
    )


def roll_back(spec: RolloutSpec) -> Fields:
    """End the rollout; without one, go back to the champion of before the last promotion.

    That a version was halted stays in the spec: who starts it again does so knowingly. Raises Conflict when there is
    nothing to go back to.
    """
    if spec.canary is not None:
        return changed(spec, {"canary": None, "canary_percent": 0, "strategy": "canary"})
    if spec.previous_champion is None:
        raise Conflict("there is no rollout, and no champion before this one", hint="nothing to roll back")
    return changed(spec, {"champion": spec.previous_champion, "previous_champion": None, "halted": spec.champion})


def changed(spec: RolloutSpec, wanted: Fields) -> Fields:
    """Those of `wanted` that differ from `spec`."""
    now = spec.model_dump(mode="json")
    return {name: value for name, value in wanted.items() if now[name] != _plain(value)}


def check_share(strategy: RolloutStrategy, percent: int) -> None:
    """Raises InvalidInput for a share that the strategy does not have."""
    if strategy == "blue_green" and percent not in (0, 100):
        raise InvalidInput(f"blue/green switches all traffic at once, not {percent} %", hint="0 loads it, 100 switches")
    if strategy == "shadow" and percent:
        hint = "leave the percent out, or roll it back and start it as a canary"
        raise InvalidInput(f"a shadow answers nobody, not {percent} % of the requests", hint=hint)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _require(spec: RolloutSpec, step: RolloutStep) -> None:
    state = state_of(spec)
    if step in ALLOWED[state]:
        return
    said = {
        "none": "there is no rollout",
        "pending": f"version {spec.canary!r} is loaded and answers nobody yet",
        "running": f"version {spec.canary!r} is being rolled out",
        "halted": f"version {spec.canary!r} was halted",
    }[state]
    raise Conflict(f"{said}: it cannot {step.replace('_', ' ')}", hint=f"it can {', '.join(ALLOWED[state])}")
