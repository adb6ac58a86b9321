"""`python -m interfaces.cli`: the command line without the installed script."""

from __future__ import annotations

from interfaces.cli.start import main

main()
