"""A circuit breaker before the online store (Nygard, "Release It!", 2007): a store that is down is not asked by every
request, each of which would wait out its budget first.

    closed ──`failures` in a row──> open ──after `rest` seconds──> half-open ──`probes` in a row──> closed
                                     ^                                 │
                                     └────────── one fails ────────────┘

Half-open, one request at a time asks the store; all others are told at once that it is down, as while it is open.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]
FAILURES = 5
REST_SECONDS = 1.0
PROBES = 3


class Breaker:
    """On one event loop. Who is let through by `admit` says with its ticket how it went, by one of `succeeded`,
    `failed` and `left` (nothing is known). A verdict counts in the state in which it was admitted: what was asked
    before the circuit opened neither closes it nor keeps it open. `changed` is told the state that was and that is.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        rest: float = REST_SECONDS,
        probes: int = PROBES,
        monotonic: Callable[[], float] = time.monotonic,
        changed: Callable[[State, State], None] = lambda was, now: None,
    ) -> None:
        self._failures, self._rest, self._probes = failures, rest, probes
        self._monotonic = monotonic
        self._changed = changed
        self._in_a_row = 0
        self._probing = False
        self._opened = 0.0
        self._term = 0
        self.state: State = "closed"

    def admit(self) -> int | None:
        """The ticket; None when the store is not to be asked."""
        if self.state == "closed":
            return self._term
        if self.state == "open" and self._monotonic() - self._opened >= self._rest:
            self._to("half_open")
        if self.state == "open" or self._probing:
            return None
        self._probing = True
        return self._term

    def succeeded(self, ticket: int) -> None:
        if ticket != self._term:
            return
        if self.state == "closed":
            self._in_a_row = 0
        else:
            self._probing = False
            self._in_a_row += 1
            if self._in_a_row >= self._probes:
                self._to("closed")

    def failed(self, ticket: int) -> None:
        if ticket != self._term:
            return
        self._in_a_row += 1
        if self.state == "half_open" or self._in_a_row >= self._failures:
            self._opened = self._monotonic()
            self._to("open")

    def left(self, ticket: int) -> None:
        if ticket == self._term:
            self._probing = False

    def _to(self, state: State) -> None:
        was, self.state = self.state, state
        self._term += 1
        self._in_a_row, self._probing = 0, False
        self._changed(was, state)
