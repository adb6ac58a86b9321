"""A healthy platform in fast-forward for a night: nothing may be raised.

python -m tests.soak.healthy_night [--hours 8] [--seed 7]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.fakes.simulated import SEED, healthy_hours, simulation, write_past


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=8, help="of the platform's clock")
    parser.add_argument("--seed", type=int, default=SEED, help="of the simulated company")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        past = Path(place) / "past"
        write_past(past, options.seed)
        with simulation(past, Path(place) / "run", options.seed) as running:
            changed = healthy_hours(running, min(options.hours, 72))
            answered, failed = running.checkout.answered, running.checkout.failed
    raised = sorted({f"{alert.kind} {alert.subject}" for alert in changed})
    sys.stdout.write(
        json.dumps({"hours": options.hours, "answered": answered, "failed": failed, "raised": raised}) + "\n"
    )
    return 1 if raised or failed else 0


if __name__ == "__main__":
    sys.exit(main())
