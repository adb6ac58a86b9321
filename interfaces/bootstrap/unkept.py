"""A redactor where there is no vault: what a command says when it fails, and what a witness answers.

Its pseudonyms are this process's own, and nothing is kept of what they stand for.
"""

from __future__ import annotations

import os
from functools import cache

from guardrails.redaction.engine import Redactor
from guardrails.redaction.recognizers import recognizers

_OPERATORS_OWN = frozenset({"IP"})
"""Addresses of the operator's own servers: without them nobody knows which one did not answer."""


@cache
def unkept_redaction() -> Redactor:
    return Redactor(os.urandom(32), recognizers=[r for r in recognizers() if r.entity not in _OPERATORS_OWN])
