"""What is asked of one view: (entity, moment) pairs, sorted, so that rows of the history can be brought to them."""

from __future__ import annotations

from dataclasses import dataclass
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

    def numbers(self, tenant: pa.Array, key: pa.Array) -> Integers:
        """Of rows with these columns (strings, better still dictionaries of them)."""
        tenants, keys = _codes(tenant, self.tenants), _codes(key, self.keys)
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
    tenant_codes, key_codes = (_filled(c.indices) for c in (tenants, keys))
    asked = np.flatnonzero((tenant_codes >= 0) & (key_codes >= 0))
    pairs, entity = np.unique(tenant_codes[asked] * len(keys.dictionary) + key_codes[asked], return_inverse=True)
    entity = entity.astype(np.int64, copy=False).reshape(-1)
    by_entity = np.lexsort((moments.floor[asked], entity))
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


def _codes(values: pa.Array, known: pa.Array) -> Integers:
    """The position of each value in `known`, -1 where it has none."""
    if not isinstance(values, pa.DictionaryArray):
        values = values.dictionary_encode()
    words = values.dictionary.cast(known.type)
    translation = np.append(_filled(cast(Any, pc).index_in(words, value_set=known, skip_nulls=True)), -1)
    return translation[_filled(values.indices)]


def _filled(codes: pa.Array) -> npt.NDArray[np.int64]:
    return codes.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
