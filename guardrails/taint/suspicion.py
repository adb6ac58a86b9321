"""Finds instructions in what should be data: text in evidence that speaks to a model or to the person on call.

Nothing hangs on finding them: evidence chooses nothing either way. They are shown to the engineer as *suspicious
content*, because somebody who writes orders into a log line has already got in somewhere.

The phrases are a reviewed file (`phrases.yaml`); patterns are bounded, over text that is folded first (compatibility
forms, accents, look-alikes, invisible characters).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import yaml

from foundation.frozen import Frozen

LONGEST = 20_000
"""Characters of a text that are looked at; observations are far shorter."""

_EXCERPT = 160
_GAP = r"\b[^\n.!?]{0,60}?"
_PHRASES = Path(__file__).with_name("phrases.yaml")

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_LOOKALIKES = str.maketrans("аеорсухіѕԁһοα", "aeopcyxisdhoa")
_JOINED = re.compile(r"[_\-+*`~]+")


class Suspicious(Frozen):
    """`rule` says what it looks like; `where` is the evidence id, `excerpt` the text around it, folded to one line."""

    rule: str
    where: str
    excerpt: str


def folded(text: str) -> str:
    """`text` as it reads: compatibility forms, case, look-alikes, accents and invisible characters undone."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST])
    plain = "".join(c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))
    return _INVISIBLE.sub("", plain).lower().translate(_LOOKALIKES)


def suspicious(texts: Iterable[tuple[str, str]]) -> Iterator[Suspicious]:
    """Instructions in `texts`, pairs of where and what; each rule once per place."""
    told: set[tuple[str, str]] = set()
    for where, text in texts:
        plain = folded(text)
        # Names in data are written with underscores and dashes: `ignore_previous_instructions` says what it says.
        spaced = " ".join(_JOINED.sub(" ", plain).split(" "))
        for rule, pattern in _patterns().items():
            found = pattern.search(spaced) or pattern.search(plain)
            if found is not None and (rule, where) not in told:
                told.add((rule, where))
                yield Suspicious(rule=rule, where=where, excerpt=_around(found))


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    rules: dict[str, dict[str, list[str]]] = yaml.safe_load(_PHRASES.read_text(encoding="utf-8"))
    return {name: re.compile(_pattern(rule)) for name, rule in rules.items()}


def _pattern(rule: dict[str, list[str]]) -> str:
    first = f"(?<![a-z0-9])(?:{'|'.join(rule['first'])})"
    return f"{first}{_GAP}(?<![a-z0-9])(?:{'|'.join(rule['then'])})" if "then" in rule else first


def _around(found: re.Match[str]) -> str:
    spare = max(0, _EXCERPT - (found.end() - found.start())) // 2
    start = max(0, found.start() - spare)
    return " ".join(found.string[start : found.end() + spare].split())[:_EXCERPT]
