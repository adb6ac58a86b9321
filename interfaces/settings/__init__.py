"""Settings: `VIGIA__…` environment variables, read once, checked strictly, handed to the composition root."""

from __future__ import annotations

from interfaces.settings.loading import load_settings
from interfaces.settings.model import Settings

__all__ = ["Settings", "load_settings"]
