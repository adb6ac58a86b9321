"""Payloads of what happens to registered models."""

from __future__ import annotations

from pydantic import ConfigDict

from foundation.frozen import Frozen


class ModelRegistered(Frozen):
    version: str
    files: dict[str, str]
    data_digest: str
    code_version: str


class ModelSigned(Frozen):
    version: str
    manifest: str


class ModelPromoted(Frozen):
    model_config = ConfigDict(extra="allow")
    version: str
    to: str


class ModelJudged(Frozen):
    """`outcomes` by gate; the figures are in the row whose digest `verdicts` is, as canonical JSON."""

    review: str
    version: str
    to: str
    outcome: str
    outcomes: dict[str, str]
    verdicts: str
    artifact: str
    policy: str
    champion: str | None
