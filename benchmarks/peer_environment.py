"""An environment of its own for a peer that a benchmark compares with: made once in the cache, never in ours.

~/.cache/vigia-benchmarks/<name>-<digest of the requirements>/   (XDG_CACHE_HOME is respected)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def peer_python(name: str, requirements: list[str]) -> Path:
    """The interpreter of an environment that has `requirements`. Made by uv where it is there, by venv and pip where
    not; half-made ones are made again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vigia-benchmarks"
    digest = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:12]
    directory = cache / f"{name}-{digest}"
    python = directory / "bin" / "python"
    ready = directory / ".ready"
    if ready.exists():
        return python
    print(f"making an environment for {name}: {' '.join(requirements)}", file=sys.stderr)
    shutil.rmtree(directory, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(directory)])
        _run([uv, "pip", "install", "--quiet", "--python", str(python), *requirements])
    else:
        _run([sys.executable, "-m", "venv", str(directory)])
        _run([str(python), "-m", "pip", "install", "--quiet", *requirements])
    ready.touch()
    return python


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)
