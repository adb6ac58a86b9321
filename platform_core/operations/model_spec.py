"""What of a model is decided in production: which version is in use, and that a new one is to be trained."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from foundation.frozen import Frozen


class ModelSpec(Frozen):
    """urn:vigia:model:<name>. What a stage is and who may move is the model registry's; it is moved in the same
    transaction as this (`platform_core.operations.admission`), so that the two cannot disagree."""

    kind: Literal["model"] = "model"
    production: str | None = None
    """The version in stage production; there is one at most."""

    review: str | None = None
    """Id of the gates' review under which it came there; None for one that was there before the registry was."""

    trainings: int = Field(default=0, ge=0)
    """Raise by one to have a new version trained. It comes out in stage dev and goes nowhere by itself."""

    train_since: datetime | None = None
    """The next training reads no payment from before this: set when a population has changed for good."""
