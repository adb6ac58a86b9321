"""The worker's loop: it reads what the database says and converges on it, however it was interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from agents.incident.announcer import Announcer
from agents.incident.closing import Closer
from agents.incident.correlation import Correlator
from agents.incident.graph import IncidentGraph, LeaseLost
from agents.incident.leasing import Leases
from agents.incident.pauses import LONGEST_PAUSE
from agents.incident.ports import ActionExecutor, ApprovalDesk, Observer
from agents.incident.steps import Held
from agents.incident.store import IncidentStore
from foundation.errors import VigiaError
from foundation.telemetry import metrics, semconv
from foundation.telemetry.logs import get_logger, log_context
from foundation.telemetry.traces import span
from guardrails.budgets.port import spending_for

log = get_logger(__name__)

_CLOSE_EVERY = 2.0
_CHORES_EVERY = 1.0
_RENEWALS_PER_LEASE = 4


class Reconciler:
    """One worker. `step` does everything that is due in the caller's thread; `run` does it until told to stop, several
    incidents at a time, with leases kept alive and announcements made beside the work."""

    def __init__(
        self,
        *,
        store: IncidentStore,
        correlator: Correlator,
        graph: IncidentGraph,
        approvals: ApprovalDesk,
        executor: ActionExecutor,
        leases: Leases,
        closer: Closer,
        announcer: Announcer,
        observer: Observer,
        rest_seconds: float,
        poll_seconds: float = 0.2,
        lease_seconds: float = 5.0,
        threads: int = 4,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._correlator = correlator
        self._graph = graph
        self._approvals = approvals
        self._executor = executor
        self._leases = leases
        self._closer = closer
        self._announcer = announcer
        self._observer = observer
        self._rest_seconds = rest_seconds
        self._poll = poll_seconds
        self._renew_every = lease_seconds / _RENEWALS_PER_LEASE
        self._threads = threads
        self._monotonic = monotonic
        self._reconciled = False
        self._next_close = 0.0

    def step(self) -> bool:
        """Everything that is due now. True if something was done, so that it is worth asking again at once."""
        worked = self._housekeeping()
        done = threading.Event()
        renewing = threading.Thread(
            target=self._repeat, args=(done, self._renew_every, self._leases.renew), daemon=True
        )
        renewing.start()
        try:
            for incident_id in self._due():
                if self._leases.claim(incident_id):
                    self._work(incident_id)
                    worked = True
        finally:
            done.set()
            renewing.join()
        return self._announcer.step() > 0 or worked

    def run(self, stop: threading.Event, *, beside: Sequence[Callable[[], object]] = ()) -> None:
        """Until `stop` is set and the steps under way have ended. A failure of one round of housekeeping is logged and
        tried again. `beside`: what else this process does, asked every second, each in a thread of its own, because it
        talks to the outside and may wait for it."""
        drained = threading.Event()
        threads = [
            # Until the last step has ended: it must not lose its lease to another worker while this one stops.
            threading.Thread(target=self._repeat, args=(drained, self._renew_every, self._leases.renew), daemon=True),
            threading.Thread(target=self._repeat, args=(stop, self._poll, self._announcer.step), daemon=True),
            *(
                threading.Thread(target=self._repeat, args=(stop, _CHORES_EVERY, chore), daemon=True)
                for chore in beside
            ),
        ]
        for thread in threads:
            thread.start()
        try:
            with ThreadPoolExecutor(max_workers=self._threads, thread_name_prefix="incident") as pool:
                self._dispatch(pool, stop)
        finally:
            drained.set()
        for thread in threads:
            thread.join(timeout=5)
        self.close()

    def _dispatch(self, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        busy: dict[str, Future[None]] = {}
        while not stop.is_set():
            try:
                busy = {incident_id: future for incident_id, future in busy.items() if not future.done()}
                worked = self._housekeeping()
                for incident_id in self._due():
                    if len(busy) < self._threads and incident_id not in busy and self._leases.claim(incident_id):
                        busy[incident_id] = pool.submit(self._work, incident_id)
                        worked = True
                metrics.worker_last_round.set_to_current_time()
            except Exception as error:
                log.exception("worker round failed", error=str(error))
                worked = False
            if not worked:
                stop.wait(self._poll)

    def close(self) -> None:
        """Let go of the checkpoints. `run` does so at its end."""
        self._graph.close()

    def _housekeeping(self) -> bool:
        if not self._reconciled:
            self._executor.reconcile()
            self._reconciled = True
        self._observer("correlate:enter")
        worked = self._correlator.correlate() > 0
        self._observer("correlate:leave")
        worked = bool(self._approvals.expire_due()) or worked
        if self._monotonic() >= self._next_close:
            self._next_close = self._monotonic() + _CLOSE_EVERY
            worked = self._closer.step() > 0 or worked
        return worked

    def _due(self) -> list[str]:
        undecided = {request.id for request in self._approvals.pending()}
        return self._leases.due(undecided)

    def _work(self, incident_id: str) -> None:
        """Run one claimed incident until it pauses. What goes wrong is told on its timeline and tried again later."""
        attributes = {semconv.OPERATION_NAME: semconv.INVOKE_AGENT, semconv.AGENT_NAME: "incident"}
        name = semconv.span_name(semconv.INVOKE_AGENT, "incident")
        with log_context(incident_id=incident_id), span(name, **attributes, **{semconv.INCIDENT_ID: incident_id}):
            try:
                self._observer("claim:leave")
                round_number = self._store.round_of(incident_id)
                incident = self._store.get(incident_id)
                if incident.status == "resolved":
                    # Somebody closed it meanwhile: nothing is proposed or run any more.
                    self._leases.finish(incident_id, round_number)
                    return
                with spending_for(incident_id, incident.tenant):
                    pause = self._graph.run(incident_id, round_number)
                self._observer("release:enter")
                if pause.waiting_for is not None:
                    self._leases.park(incident_id, pause.waiting_for)
                elif pause.resting:
                    self._leases.rest(incident_id, self._rest_seconds)
                else:
                    self._leases.finish(incident_id, pause.round)
                self._observer("release:leave")
            except LeaseLost as lost:
                self._leases.abandon(incident_id)
                log.warning("lease lost", reason=lost.message)
            except Held:
                # Told by the step, once; every further word would be a card, an audit entry and a message.
                self._leases.rest(incident_id, LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - worker loop boundary: one incident must not stop the others
                self._failed(incident_id, error)

    def _failed(self, incident_id: str, error: Exception) -> None:
        kind = type(error).__name__
        expected = isinstance(error, VigiaError)
        log.error("incident step failed", error=str(error), kind=kind, exc_info=None if expected else error)
        try:
            self._leases.back_off(incident_id)
            # The same failure is told once a round: it may be tried again for hours.
            key = f"failure:{self._store.round_of(incident_id)}:{kind}:{error}"[:200]
            self._store.tell(incident_id, "step.failed", f"{kind}: {error}"[:500] + " (tried again)", key=key)
        except Exception as worse:
            log.exception("failure could not be recorded", error=str(worse))

    def _repeat(self, stop: threading.Event, pause: float, task: Callable[[], object]) -> None:
        while not stop.wait(pause):
            try:
                task()
            except Exception as error:
                log.exception("worker task failed", error=str(error))
