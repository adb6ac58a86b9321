"""What a language model's absence looks like to the rest: one error, always survivable."""

from __future__ import annotations

from foundation.errors import Unavailable


class ModelUnavailable(Unavailable):
    """The model did not answer, refused, or answered nothing. Whoever asked goes on without it."""

    code = "model_unavailable"
