"""A model's answer comes in time and of a sane size, or not at all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from agents.llm.deadline import LONGEST_ANSWER, DeadlineChatModel
from agents.llm.errors import ModelUnavailable
from agents.llm.models import chat_model
from agents.llm.port import ChatMessage, Completion

ASKED = (ChatMessage(role="user", content="why?"),)


class TalkativeModel:
    provider = "fake"
    model = "fake-1"

    def __init__(self, *, characters: int = 5) -> None:
        self._characters = characters

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int) -> Completion:
        return Completion(text="x" * self._characters, model=self.model, input_tokens=1, output_tokens=1)


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that sends a header line every 100 ms and never ends: each read of a client succeeds in time."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n"
                )
                while not over.wait(0.1):
                    connection.sendall(b" ")
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    over.set()
    thread.join(timeout=5)
    listener.close()


def test_a_server_that_drips_is_given_up(dripping: str) -> None:
    model = chat_model("openai", "gpt-4o-mini", "x", dripping, timeout=0.5)
    started = time.perf_counter()
    with pytest.raises(ModelUnavailable, match=r"within 0\.5 s"):
        model.complete(ASKED, max_tokens=10)
    assert time.perf_counter() - started < 5


def test_a_flood_is_no_answer() -> None:
    with pytest.raises(ModelUnavailable, match="characters"):
        DeadlineChatModel(TalkativeModel(characters=LONGEST_ANSWER + 1), 5).complete(ASKED, max_tokens=10)


def test_an_answer_in_time_is_the_models_own() -> None:
    held = DeadlineChatModel(TalkativeModel(), 5)
    assert (held.provider, held.model, held.complete(ASKED, max_tokens=10).text) == ("fake", "fake-1", "xxxxx")
