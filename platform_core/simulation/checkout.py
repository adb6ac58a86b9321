"""The checkouts: for each payment, ask for a score before it goes through.

They send the payment's true values, as the checkout knows them, not what an ingest service published: a broken ingest
breaks features, not requests.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

import httpx

from platform_core.serving.types import PredictionRequest
from platform_core.simulation.company import PaymentBatch
from platform_core.simulation.estate import LEGACY
from platform_core.training.request_inputs import request_inputs

_log = logging.getLogger(__name__)

LEGACY_EVERY = 12
"""One in so many Brazilian payments is also scored by fraud-legacy, for batch clients, as long as they call it."""

LEGACY_TRICKLE_EVERY = 400


@dataclass(frozen=True, slots=True)
class Question:
    endpoint: str
    request: PredictionRequest


class Checkout(Protocol):
    answered: int
    failed: int

    def ask(self, questions: list[Question]) -> None:
        """Have these scored; may return before they are."""
        ...

    def close(self) -> None: ...


def questions(batch: PaymentBatch, *, legacy_traffic: bool) -> Iterator[Question]:
    """What the checkouts of one country ask for these payments."""
    columns = ("event_id", "event_ts", "card_id", "device_id", "merchant_id", "amount", "channel")
    rows = zip(*(batch.table[name].to_pylist() for name in columns), strict=True)
    every = LEGACY_EVERY if legacy_traffic else LEGACY_TRICKLE_EVERY
    for event_id, event_ts, card, device, merchant, amount, channel in rows:
        request = PredictionRequest(
            request_id=event_id,
            entities={"card": card, "device": device, "merchant": merchant},
            inputs=request_inputs(amount=amount, event_ts=event_ts, channel=channel),
        )
        yield Question(f"fraud-{batch.tenant}", request)
        if batch.tenant == "br" and int(event_id.rsplit("-", 1)[1]) % every == 0:
            yield Question(LEGACY, request)


class HttpCheckout(Checkout):
    """Asks the inference server over HTTP, spread over `spread` seconds of the wall, on a few kept-alive connections.

    A question that could not even be sent two seconds after its turn is given up and counted as failed, as a checkout
    that times out gives up.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        threads: int = 6,
        spread: float = 0.9,
        timeout: float = 2.0,
    ) -> None:
        self._headers = {"Content-Type": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._client = httpx.Client(
            base_url=base_url, timeout=timeout, trust_env=False, limits=httpx.Limits(max_connections=threads)
        )
        self._spread = spread
        self._patience = timeout
        self._queue: SimpleQueue[tuple[float, Question]] = SimpleQueue()
        self._stop = threading.Event()
        self._count = threading.Lock()
        self.answered = 0
        self.failed = 0
        self._threads = [threading.Thread(target=self._work, name=f"checkout-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def ask(self, questions: list[Question]) -> None:
        start = time.monotonic()
        ordered = sorted(questions, key=lambda question: question.request.request_id[::-1])  # countries mixed
        for position, question in enumerate(ordered):
            self._queue.put((start + self._spread * position / len(ordered), question))

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=3)
        self._client.close()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                due, question = self._queue.get(timeout=0.2)
            except Empty:
                continue
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            answered = -wait <= self._patience and self._post(question)
            with self._count:
                self.answered += answered
                self.failed += not answered

    def _post(self, question: Question) -> bool:
        try:
            response = self._client.post(
                f"/v1/predict/{question.endpoint}",
                content=question.request.model_dump_json(),
                headers=self._headers,
            )
        except httpx.HTTPError as error:
            _log.debug("no score for %s: %s", question.request.request_id, error)
            return False
        return response.is_success
