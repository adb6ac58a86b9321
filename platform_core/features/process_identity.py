"""Which process holds something, told so that another one on the same machine can see that it is gone.

A process is named by its machine, its number and when it began (Linux: field 22 of /proc/<pid>/stat, see proc(5)), so
that a number used again is not mistaken. The machine is its boot and its process namespace: two containers that see
different processes are different machines here. Where /proc is not, nobody is ever certainly gone.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    identity: str
    said: str


def this_process() -> ProcessIdentity:
    pid = os.getpid()
    return ProcessIdentity(f"{_machine()}/{pid}/{_began(pid)}", f"process {pid} on {socket.gethostname()}")


def certainly_gone(identity: str) -> bool:
    """Whether the process of `identity` was on this machine and is no more."""
    machine, _, rest = identity.partition("/")
    pid, _, began = rest.partition("/")
    if not machine or machine != _machine() or not pid.isdecimal():
        return False
    return _began(int(pid)) != began


@cache
def _machine() -> str:
    """Empty where it cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """Clock ticks since boot at the process's start; empty when there is no such process, or only its remains."""
    try:
        # The second field, the command in parentheses, may hold anything: count from its end.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
