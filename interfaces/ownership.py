"""Whether our package names are ours: other distributions own `agents`, `guardrails` and `evals` too (ADR 1)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from foundation.errors import VigiaError

PACKAGES = (
    "agents",
    "audit",
    "evals",
    "foundation",
    "guardrails",
    "interfaces",
    "migrations",
    "platform_core",
    "tools",
)


class ForeignPackage(VigiaError):
    code = "foreign_package"


def check_ownership() -> None:
    """Raises ForeignPackage when one of our names would be imported from somewhere else than beside this package."""
    home = Path(__file__).resolve().parents[1]
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or origin.parents[1] != home:
            raise ForeignPackage(
                f"package {name!r} comes from {origin or 'nowhere'}, not from {home}",
                hint="another distribution owns the same name: use the project's own environment (make setup)",
            )
