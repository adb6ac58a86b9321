"""What is asked of one view: (entity, moment) pairs, sorted, so that rows of the history can be brought to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from platform_core.features.point_in_time.moments import Integers, Moments

_TABLE_LIMIT = 1 << 26
"""Largest direct table from (tenant, key) to entity, in entries of 4 bytes; above it a binary search."""


@dataclass(frozen=True)
class Entities:
    """Numbers for the (tenant, key) pairs that are asked for; a pair that nobody asked for is -1."""

    tenants: pa.Array
    keys: pa.Array
    pairs: Integers
    """tenant * len(keys) + key of each entity, ascending: its position is the entity's number."""

    _last: dict[str, tuple[pa.Array, pa.Array, Integers]] = field(default_factory=dict, compare=False, repr=False)
    """The words that were looked up last. Set at once: threads may share it."""

    def numbers(self, tenant: pa.Array, key: pa.Array) -> Integers:
        """Of rows with these columns (strings, better still dictionaries of them)."""
        tenants, keys = _dictionary_array(tenant), _dictionary_array(key)
        if len(tenants.dictionary) == 1 and not tenants.null_count:
            return self._by_word(tenants.dictionary, keys.dictionary)[_filled(keys.indices)]
        tenant_codes, key_codes = _codes(tenants.dictionary, self.tenants), _codes(keys.dictionary, self.keys)
        return self._of(tenant_codes[_filled(tenants.indices)], key_codes[_filled(keys.indices)])

    def _by_word(self, tenant: pa.Array, keys: pa.Array) -> Integers:
        """The number for each of these keys of one tenant, -1 at the end. Batches of one file share their keys."""
        last = self._last.get("words")
        if last is None or not (last[0].equals(tenant) and last[1].equals(keys)):
            found = self._of(_codes(tenant, self.tenants)[:1], _codes(keys, self.keys))
            last = self._last["words"] = (tenant, keys, found)
        return last[2]

    def _of(self, tenants: Integers, keys: Integers) -> Integers:
        """By their positions in `tenants` and `keys`, -1 for what is not there."""
        known = (tenants >= 0) & (keys >= 0)
        pairs = np.where(known, tenants * len(self.keys) + keys, -1)
        if (table := self._table) is not None:
            return table[pairs]  # the last entry stands for -1
        at = np.searchsorted(self.pairs, pairs)
        at[at == len(self.pairs)] = 0
        return np.where(known & (self.pairs[at] == pairs), at, -1)

    @cached_property
    def _table(self) -> Integers | None:
        size = len(self.tenants) * len(self.keys)
        if size > _TABLE_LIMIT:
            return None
        table = np.full(size + 1, -1, np.int64)
        table[self.pairs] = np.arange(len(self.pairs))
        return table


@dataclass(frozen=True)
class Questions:
    """Position i of `entity`, `floor` and `ceiling` is one question; they ascend by entity, then moment."""

    entities: Entities
    order: Integers
    """Which entity row each question is of. Entity rows without a key or tenant ask nothing."""

    entity: Integers
    floor: Integers
    ceiling: Integers
    starts: Integers
    """Where each entity's questions begin, and at last their end."""

    def __len__(self) -> int:
        return len(self.order)


def questions(tenant: pa.ChunkedArray, key: pa.ChunkedArray, moments: Moments) -> Questions:
    """`tenant` and `key`: strings, one per entity row."""
    tenants, keys = (_dictionary(column) for column in (tenant, key))
    tenant_codes, key_codes = (_filled(c.indices).astype(np.int64) for c in (tenants, keys))
    asked = np.flatnonzero((tenant_codes >= 0) & (key_codes >= 0))
    pairs, entity = np.unique(tenant_codes[asked] * len(keys.dictionary) + key_codes[asked], return_inverse=True)
    entity = entity.astype(np.int64, copy=False).reshape(-1)
    by_entity = np.argsort(entity << 32 | moments.rank[asked])
    order, entity = asked[by_entity], entity[by_entity]
    return Questions(
        entities=Entities(tenants.dictionary, keys.dictionary, pairs),
        order=order,
        entity=entity,
        floor=moments.floor[order],
        ceiling=moments.ceiling[order],
        starts=np.searchsorted(entity, np.arange(len(pairs) + 1)),
    )


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    encoded = column.dictionary_encode().combine_chunks()
    array = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return array


def _dictionary_array(values: pa.Array) -> pa.DictionaryArray:
    return values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()


def _codes(words: pa.Array, known: pa.Array) -> Integers:
    """The position of each word in `known`, -1 where it has none; one more -1 at the end, for nulls."""
    codes = cast(Any, pc).index_in(words.cast(known.type), value_set=known, skip_nulls=True)
    return np.append(_filled(codes).astype(np.int64), -1)


def _filled(codes: pa.Array) -> npt.NDArray[np.integer[Any]]:
    return (codes.fill_null(-1) if codes.null_count else codes).to_numpy(zero_copy_only=False)
