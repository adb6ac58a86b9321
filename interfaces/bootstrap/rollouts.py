"""What the command line does with rollouts: looks at them, halts them, and asks for what a person has to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foundation.errors import Forbidden, NotFound
from foundation.frozen import Frozen
from foundation.nearest import did_you_mean
from foundation.reasons import reason_for
from interfaces.bootstrap.foundations import Foundations, open_existing
from interfaces.settings import Settings
from platform_core.access.principals import Principal
from platform_core.operations.resources import Resource, RolloutSpec
from platform_core.operations.rollout_spec import RolloutGuard
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.serving.rollouts import states
from platform_core.serving.rollouts.halting import Brake, spec_of
from platform_core.serving.rollouts.history import PastRollout
from platform_core.urn import parse_urn, urn

if TYPE_CHECKING:
    from platform_core.serving.rollouts.judging import RolloutVerdict
    from platform_core.serving.rollouts.scored import ScoredRequest

DEFAULT_GUARDS = (
    RolloutGuard(metric="decline_rate", limit=0.03),
    RolloutGuard(metric="score", limit=0.25),
    RolloutGuard(metric="latency", limit=0.05, threshold=250),
    RolloutGuard(metric="errors", limit=0.02),
)
"""Of an endpoint that declares none, when a rollout is started by hand."""

HALTING = frozenset({"responder", "oncall", "approver", "admin"})
WAIT_SECONDS = 60.0


class Asked(Frozen):
    """What became of a request to change a rollout. `halted`: what could be done at once was."""

    endpoint: str
    halted: bool
    incident: str | None = None
    request: str | None = None
    status: str | None = None
    summary: str


class RolloutDesk:
    """Reads straight from the database; of the control plane it holds the brake only."""

    def __init__(self, base: Foundations) -> None:
        self._base = base
        self._resources = SqlResources(base.engine, base.clock, base.audit)
        self._operations = SqlOperations(base.engine)
        self._brake = Brake(self._resources)

    def verdicts(self, name: str | None = None) -> list[RolloutVerdict]:
        """Of every endpoint, or of the one of that name; judged on all that was logged. Raises NotFound."""
        from interfaces.bootstrap.platform import offline_store
        from platform_core.serving.prediction_log import DeltaPredictionLog
        from platform_core.serving.rollouts.judging import judge_now

        log = DeltaPredictionLog(offline_store(self._base.settings))
        now = self._base.clock.now()
        return [judge_now(resource, log, self._operations, now) for resource in self._endpoints(name)]

    def history(self, name: str | None = None) -> list[PastRollout]:
        """Rollouts of the last 60 days, of every endpoint or of one; newest first."""
        from platform_core.serving.rollouts.judging import past_of

        now = self._base.clock.now()
        found = [past for resource in self._endpoints(name) for past in past_of(resource, self._operations, now)]
        return sorted(found, key=lambda past: past.started_at, reverse=True)

    def scored(self, request_id: str, *, days: int) -> list[ScoredRequest]:
        """Which version scored this request, with what, and what was rolled out then. Raises NotFound."""
        from interfaces.bootstrap.models import registry_of
        from interfaces.bootstrap.platform import offline_store
        from platform_core.serving.prediction_log import DeltaPredictionLog
        from platform_core.serving.rollouts.scored import scored_requests

        log = DeltaPredictionLog(offline_store(self._base.settings))
        now, registry = self._base.clock.now(), registry_of(self._base)
        return scored_requests(request_id, log, self._resources, self._operations, registry, now=now, days=days)

    def halt(self, name: str, person: Principal, reason: str) -> Resource:
        """Give its traffic back to the champion, now. Raises Forbidden, NotFound, Conflict without a rollout."""
        resource = self._visible(name, person)
        if not person.roles_in(resource.tenant, resource.environment) & HALTING:
            raise Forbidden(f"{person.id} may look only", hint=f"halting takes one of {', '.join(sorted(HALTING))}")
        return self._brake.halt(parse_urn(resource.urn)[1], actor=person.id, reason=self._clean(reason))

    def start(
        self,
        name: str,
        version: str,
        person: Principal,
        reason: str,
        *,
        strategy: str,
        percent: int,
        guards: tuple[RolloutGuard, ...] | None,
        wait: float = WAIT_SECONDS,
    ) -> Asked:
        """Ask for a rollout of `version`. Guards: those given, else the endpoint's own, else DEFAULT_GUARDS."""
        spec = spec_of(self._visible(name, person))
        if guards is None and not spec.guards:
            guards = DEFAULT_GUARDS
        arguments: dict[str, Any] = {"endpoint": name, "version": version, "percent": percent, "strategy": strategy}
        if guards is not None:
            arguments["guards"] = [guard.model_dump(mode="json") for guard in guards]
        return self._ask(name, person, "set_canary", arguments, reason, halted=False, wait=wait)

    def promote(self, name: str, person: Principal, reason: str, *, wait: float = WAIT_SECONDS) -> Asked:
        states.promote(spec_of(self._visible(name, person)))  # says first what does not go
        return self._ask(name, person, "complete_rollout", {"endpoint": name}, reason, halted=False, wait=wait)

    def roll_back(self, name: str, person: Principal, reason: str, *, wait: float = WAIT_SECONDS) -> Asked:
        """Halt at once what is being rolled out, and ask for its end; after a promotion, ask for the way back."""
        spec = spec_of(self._visible(name, person))
        states.roll_back(spec)
        if spec.canary is not None:
            self.halt(name, person, reason)
        arguments = {"endpoint": name}
        return self._ask(name, person, "rollback_rollout", arguments, reason, halted=spec.canary is not None, wait=wait)

    def _ask(
        self,
        name: str,
        person: Principal,
        tool: str,
        arguments: dict[str, Any],
        reason: str,
        *,
        halted: bool,
        wait: float,
    ) -> Asked:
        from interfaces.bootstrap.change_requests import ChangeRequests

        subject = self._visible(name, person)
        asked = ChangeRequests(self._base).ask(subject, person, tool, arguments, reason, wait=wait)
        return Asked(
            endpoint=name,
            halted=halted,
            incident=asked.incident,
            request=asked.request,
            status=asked.status,
            summary=asked.summary,
        )

    def _visible(self, name: str, person: Principal) -> Resource:
        mine = [r for r in self._endpoints() if person.may_act_for(r.tenant, r.environment)]
        (resource,) = self._endpoints(name, mine)
        return resource

    def _endpoints(self, name: str | None = None, among: list[Resource] | None = None) -> list[Resource]:
        """All `among` those that may be seen, or the one called `name`: only they are named when there is none."""
        there = among
        if there is None:
            there = [r for r in self._resources.list(kind="endpoint") if isinstance(r.spec, RolloutSpec)]
        if name is None:
            return there
        wanted = [r for r in there if r.urn == urn("endpoint", name)]
        if not wanted:
            known = [parse_urn(r.urn)[1] for r in there]
            hint = did_you_mean(name, known, none="there is none that is yours")
            raise NotFound(f"there is no endpoint {name!r}", hint=hint)
        return wanted

    def _clean(self, reason: str) -> str:
        from interfaces.bootstrap.redaction import redactor

        return reason_for("a rollout", redactor(self._base.settings).redact(reason))


def rollout_desk(settings: Settings) -> RolloutDesk:
    return RolloutDesk(open_existing(settings))
