"""Which row of a history is visible at which moment: the rules of the join, and nothing else.

The history comes in batches of any order and size and is looked at once. Each row is brought to the first question of
its entity that may know it; there the newest row by (event time, created time) stays. A question then sees the newest
of what stayed at it and at the earlier questions of its entity. Memory goes with the questions, not with the history,
the keys or the ttl; a row that comes late, twice or out of order needs no case of its own.

A row may be known from its event time on or, where corrections must not come from the future, from the later of its
event time and its created time on. Times are microseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from platform_core.features.point_in_time.moments import Integers
from platform_core.features.point_in_time.questions import Questions

AsOf = Literal["event", "created"]
NEVER = np.iinfo(np.int64).min
NO_ROW = -1


@dataclass(frozen=True)
class Answers:
    """Per question: the number of the visible row or NO_ROW, and whether there was any row, were it too old."""

    row: Integers
    known: npt.NDArray[np.bool_]


class NewestRows:
    """The newest known row at each question. `ttl` in microseconds."""

    def __init__(self, questions: Questions, ttl: int, as_of: AsOf) -> None:
        self._questions = questions
        self._oldest = questions.ceiling - ttl
        self._as_of = as_of
        self._floor = np.append(NEVER, questions.floor)  # place p + 1 is question p's
        self._starts = questions.starts.astype(np.int32 if len(questions) < 1 << 31 else np.int64)
        size = len(questions)
        self._event = self._oldest.copy()  # older rows are none
        self._created = np.full(size, NEVER)
        self._row = np.full(size, NO_ROW)
        self._tied = np.zeros(size, np.bool_)
        self._known = np.zeros(size, np.bool_)
        self._count = 0

    def offer(self, entity: Integers, event: Integers, created: Integers) -> Integers:
        """Positions of those rows that are the newest at a question so far. The caller keeps these, in this order: they
        get the next numbers."""
        question = self._first_question(entity, self._known_from(event, created))
        at = np.flatnonzero(question >= 0)
        question, event = question[at], event[at]
        self._known[question] = True
        # Not older than what is there; nor too old for its first question: later ones only make it older.
        candidate = np.flatnonzero(event >= self._event[question])
        at = at[candidate]
        return self._keep(at, question[candidate], event[candidate], created[at])

    def _keep(self, at: Integers, question: Integers, event: Integers, created: Integers) -> Integers:
        before = self._event[question]
        np.maximum.at(self._event, question, event)
        newest = event == self._event[question]
        at, question, event, created, before = (a[newest] for a in (at, question, event, created, before))
        newer = event > before
        self._created[question[newer]] = NEVER
        before = self._created[question]
        np.maximum.at(self._created, question, created)
        newest = created == self._created[question]
        at, question, newer = at[newest], question[newest], created[newest] > before[newest]
        self._tied[question[newer]] = False
        self._tied[question[~newer]] = True
        at, question = at[newer], question[newer]
        turn = np.arange(len(at))
        self._row[question] = turn + self._count
        stays = self._row[question] == turn + self._count
        self._tied[question[~stays]] = True
        at, question = at[stays], question[stays]
        self._row[question] = np.arange(self._count, self._count + len(at))
        self._count += len(at)
        return at

    def renumber(self) -> Integers:
        """The numbers of the rows that are still needed; they become 0, 1, 2, … in this order."""
        filled = np.flatnonzero(self._row >= 0)
        numbers = self._row[filled]
        self._row[filled] = np.arange(len(filled))
        self._count = len(filled)
        return numbers

    def has_ties(self) -> bool:
        """Whether rows of the same event and created time stayed at a question: one of them has a number."""
        return bool(self._tied.any())

    def equals(self, entity: Integers, event: Integers, created: Integers) -> Integers:
        """The tied question at which each row stayed or would stay as well as the row there, -1 for all others."""
        question = self._first_question(entity, self._known_from(event, created))
        equal = (question >= 0) & self._tied[question] & (event == self._event[question])
        return np.where(equal & (created == self._created[question]), question, -1)

    def settle(self, question: Integers) -> None:
        """The rows at these questions are others instead, which get the next numbers in this order."""
        self._row[question] = np.arange(self._count, self._count + len(question))
        self._tied[question] = False
        self._count += len(question)

    def answers(self) -> Answers:
        entity = self._questions.entity
        if not len(entity):
            return Answers(self._row, self._known)
        filled = np.flatnonzero(self._row >= 0)
        if self._as_of == "created":  # what a later question came to know may tell of an earlier event
            filled = filled[np.lexsort((self._created[filled], self._event[filled], entity[filled]))]
        rank = np.full(len(entity), -1)
        rank[filled] = np.arange(len(filled))
        best = np.maximum.accumulate(rank)
        source = np.append(filled, 0)[best]  # -1 finds the 0 at the end, and is refused in the next line
        visible = (best >= 0) & (entity[source] == entity) & (self._event[source] >= self._oldest)
        known = np.maximum.accumulate(np.where(self._known, entity, -1)) == entity
        return Answers(np.where(visible, self._row[source], NO_ROW), known)

    def _known_from(self, event: Integers, created: Integers) -> Integers:
        return event if self._as_of == "event" else np.maximum(event, created)

    def _first_question(self, entity: Integers, known_from: Integers) -> Integers:
        """Of each row, the first question of its entity at or after `known_from`, -1 if there is none.

        A binary search of all rows at once, in steps of half the length: as many questions as a step has are skipped
        where the last of them is earlier.
        """
        at, end = self._starts[entity], self._starts[entity + 1]
        step = 1 << int((end - at).max(initial=0)).bit_length() >> 1
        while step:
            candidate = at + self._starts.dtype.type(step)
            earlier = candidate <= end
            np.minimum(candidate, end, out=candidate)
            earlier &= self._floor.take(candidate) < known_from
            at += earlier * self._starts.dtype.type(step)
            step >>= 1
        return np.where(at < end, at, -1)
