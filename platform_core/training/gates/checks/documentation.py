"""The model card tells somebody who was not there whose it is, what for, its limits, its data, its metrics."""

from __future__ import annotations

import re

from platform_core.training.gates.port import Case
from platform_core.training.gates.verdicts import GateVerdict

_WORDS: dict[str, tuple[str, ...]] = {
    "owner": ("owner", "owners", "contact"),
    "purpose": ("purpose", "intended use", "use"),
    "limits": ("limits", "limitations", "out of scope", "caveats"),
    "data": ("data", "training data"),
    "metrics": ("metrics", "performance", "quality"),
}
_HEADING = re.compile(r"^#{2,4}\s+(?P<title>.+?)\s*$", re.MULTILINE)


class Documentation:
    name = "documentation"
    summary = "the model card is complete"

    def judge(self, case: Case) -> GateVerdict:
        limits = case.policy.documentation
        found = sections(case.evidence.card())
        lengths = {name: _length(found, name) for name in limits.sections}
        missing = [name for name, length in lengths.items() if length == 0]
        thin = [name for name, length in lengths.items() if 0 < length < limits.min_characters]
        problems = [
            *([f"it lacks {', '.join(missing)}"] if missing else []),
            *([f"next to nothing is said of {', '.join(thin)}"] if thin else []),
        ]
        return GateVerdict(
            gate=self.name,
            outcome="failed" if problems else "passed",
            said=f"the model card is incomplete: {'; '.join(problems)}"
            if problems
            else f"the model card speaks of {', '.join(limits.sections)}",
            figures={f"characters {name}": length for name, length in lengths.items()},
            limits={"characters": limits.min_characters},
        )


def sections(card: str) -> dict[str, str]:
    """Text under each heading of the Markdown, by the heading in lower case; a heading repeated adds up."""
    found: dict[str, str] = {}
    headings = list(_HEADING.finditer(card))
    ends = [heading.start() for heading in headings[1:]] + [len(card)]
    for heading, end in zip(headings, ends, strict=True):
        title = heading["title"].lower().rstrip(":")
        found[title] = found.get(title, "") + card[heading.end() : end].strip()
    return found


def _length(found: dict[str, str], name: str) -> int:
    return max((len(found.get(title, "")) for title in _WORDS.get(name, (name,))), default=0)


GATE = Documentation()
