"""Where the process begins. What `vigia` is made of takes a moment to be read: who interrupts it then sees a prompt, as
whoever interrupts a command that runs, and no traceback of imports."""

from __future__ import annotations

import signal


def main() -> None:
    interrupts = signal.getsignal(signal.SIGINT)
    if interrupts is signal.default_int_handler:  # not where it is ignored, as for what a shell runs behind it
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing has begun that would have to be tidied up
    from interfaces.cli.main import main as run

    signal.signal(signal.SIGINT, interrupts)
    run()
