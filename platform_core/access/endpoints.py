"""Who may score: the question the inference server asks before every request, answered from memory.

A thread looks at the principals file every half second and exchanges what is in memory; a request costs one SHA-256
and two look-ups, and never waits for a disk. A key that is taken out of the file is refused half a second later on
every worker. Refusals of people we know are written to the audit log by another thread, counted, so that whoever asks
a thousand times a second fills neither the log nor the request's time, and an audit log that hangs delays no
revocation. Should the file not have been looked at for a while, nobody is let in.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.errors import Forbidden, Unauthenticated, Unavailable, VigiaError
from platform_core.access.directory import People, PrincipalDirectory
from platform_core.access.keys import key_digest
from platform_core.access.principals import Environment, Principal, Role

SCORING_ROLES: Final[frozenset[Role]] = frozenset({"caller", "responder", "oncall", "admin"})
_MOST_PENDING = 256
_MOST_REMEMBERED = 4096
_OLDEST_INTERVALS = 10
_OLDEST_SECONDS = 5.0
"""How old a reading may be, the longer of the two: then nobody is let in by it."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """One reading of the people, with what was answered from it: both are exchanged together."""

    people: People
    allowed: set[tuple[str, str, Environment]]


class EndpointAccess:
    """`start` it where requests are served, `stop` it at their end; without a thread, `refresh` by hand.

    While the principals file cannot be read everybody is refused (Unavailable), as everywhere else.
    """

    def __init__(
        self,
        directory: PrincipalDirectory,
        audit: AuditLog | None = None,
        *,
        interval: float = 0.5,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._audit = audit
        self._interval = interval
        self._wall = wall
        self._monotonic = monotonic
        self._looked = monotonic()
        self._snapshot = _Snapshot(People([]), set())
        self._problem: VigiaError | None = None
        self._refused: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._configured = False
        self.refresh()

    @property
    def configured(self) -> bool:
        """Whether anybody has a key, now or ever since this process started: taking the file away opens nothing."""
        return self._configured

    def authorize_endpoint(self, api_key: str | None, tenant: str, environment: Environment) -> Principal:
        """Whose key it is, if they may score with endpoints of `tenant` in `environment`.

        Raises Unauthenticated without a key or for one that nobody has (any more), Forbidden for somebody who may not,
        in the same words whether there is such a tenant or not, and Unavailable while nobody can be known.
        """
        snapshot = self._snapshot
        principal = self._known(snapshot, api_key)
        asked = principal.id, tenant, environment
        if asked in snapshot.allowed:
            return principal
        if not principal.roles_in(tenant, environment) & SCORING_ROLES:
            raise self._refusal(principal, tenant, environment)
        if len(snapshot.allowed) < _MOST_REMEMBERED:
            snapshot.allowed.add(asked)
        return principal

    def may_score(self, api_key: str | None, tenant: str, environment: Environment) -> bool:
        """The same as a question, of which nothing is recorded: for what is shown to whom. Raises as above for a key
        that nobody has."""
        principal = self._known(self._snapshot, api_key)
        return bool(principal.roles_in(tenant, environment) & SCORING_ROLES)

    def _known(self, snapshot: _Snapshot, api_key: str | None) -> Principal:
        problem = self._problem
        if problem is not None:
            raise Unavailable(problem.message, hint=problem.hint)
        if self._threads and self._monotonic() - self._looked > max(
            _OLDEST_INTERVALS * self._interval, _OLDEST_SECONDS
        ):
            raise Unavailable("who may do what was not looked at for too long", hint="see the server's log")
        if not api_key:
            raise Unauthenticated("who is asking?", hint="Authorization: Bearer <API key>")
        found = snapshot.people.by_key.get(key_digest(api_key))
        if found is None or (found[0].expires_at is not None and found[0].expired(self._wall())):
            raise Unauthenticated("nobody is known by this API key")
        return found[1]

    def _refusal(self, principal: Principal, tenant: str, environment: Environment) -> Forbidden:
        shown = (tenant if tenant.isprintable() else ascii(tenant))[:128]
        with self._lock:
            if len(self._refused) < _MOST_PENDING or (principal.id, shown) in self._refused:
                self._refused[principal.id, shown] += 1
        return Forbidden(
            f"{principal.id} may not score for tenant {shown!r} in {environment}",
            hint=f"a grant there with one of the roles {', '.join(sorted(SCORING_ROLES))} is needed",
        )

    def refresh(self) -> None:
        """Look at the directory once, and write down who was refused since the last time."""
        self._look()
        self.tell()

    def _look(self) -> None:
        try:
            people = self._directory.now()
        except VigiaError as error:
            self._problem = error
        else:
            if people is not self._snapshot.people:
                self._snapshot = _Snapshot(people, set())
                self._configured = self._configured or bool(people.by_key)
            self._problem = None
        self._looked = self._monotonic()

    def tell(self) -> None:
        """Write down who was refused since the last time."""
        with self._lock:
            refused, self._refused = self._refused, Counter()
        if self._audit is None:
            return
        for (who, tenant), count in refused.items():
            record = AuditRecord(
                action="call.refused", actor=who, subject=f"tenant:{tenant}", tenant=tenant, payload={"count": count}
            )
            try:
                self._audit.append(record)
            except VigiaError as error:
                _logger.warning("a refused call could not be written to the audit log: %s", error.message)
                with self._lock:
                    self._refused[who, tenant] += count

    def start(self) -> None:
        self._looked = self._monotonic()
        for name, step in (("endpoint-access", self._look), ("endpoint-refusals", self.tell)):
            thread = threading.Thread(target=self._run, args=(step,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self.tell()

    def _run(self, step: Callable[[], None]) -> None:
        while not self._stop.wait(self._interval):
            try:
                step()
            except Exception:
                _logger.exception("%s failed unexpectedly", threading.current_thread().name)
