"""The boundary between the executor and the code of an action."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from foundation.errors import Unavailable, VigiaError

T = TypeVar("T")


def answer(call: Callable[[], T]) -> T:
    """What an action's own code returns. Errors that its port declares pass; any other becomes Unavailable.

    A bug after the request was sent says as little about the effect as silence does: the outcome is then unknown and
    the target is asked, instead of one broken action stopping the worker that would settle all the others.
    """
    try:
        return call()
    except VigiaError:
        raise
    except Exception as error:
        raise Unavailable(f"the action broke: {type(error).__name__}: {error}") from error
