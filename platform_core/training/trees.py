"""Scores of gradient-boosted trees and forests, by LightGBM's own library.

One row goes through the C functions `LGBM_BoosterPredictForMatSingleRowFast…`, which LightGBM's Python package does not
offer: `Booster.predict` spends most of its time on checks and allocations that one row need not pay for.
"""

from __future__ import annotations

import ctypes
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from foundation.errors import InvalidInput

if TYPE_CHECKING:
    import lightgbm as lgb

Floats = npt.NDArray[np.float64]

_NORMAL, _FLOAT64 = 0, 1  # C_API_PREDICT_NORMAL and C_API_DTYPE_FLOAT64 of LightGBM's c_api.h
_ALL_TREES = -1


class TreeModel:
    """Thread-safe: LightGBM predicts under a shared lock, and each thread has a single-row predictor of its own."""

    def __init__(self, booster: lgb.Booster) -> None:
        self.booster = booster
        self.columns = booster.num_feature()
        self._local = _Local()

    @classmethod
    def from_text(cls, text: str) -> TreeModel:
        """From LightGBM's text format. Raises InvalidInput when it is not one."""
        import lightgbm as lgb  # takes seconds, and who asks for a version's name or stage needs none of it

        try:
            return cls(lgb.Booster(model_str=text))
        except lgb.basic.LightGBMError as error:
            raise InvalidInput(f"the model's trees cannot be read: {error}") from error

    def score(self, rows: Floats, *, threads: int = 1) -> Floats:
        return cast("Floats", self.booster.predict(rows, num_threads=threads))

    def score_one(self, row: Floats) -> float:
        if len(row) != self.columns:
            raise InvalidInput(f"the row has {len(row)} values, the model reads {self.columns}")
        try:
            predictor = self._local.predictor
        except AttributeError:
            predictor = self._local.predictor = _RowPredictor(self.booster, self.columns)
        return predictor(row)

    def attributions(self, rows: Floats, *, threads: int = 1) -> Floats:
        return cast("Floats", self.booster.predict(rows, pred_contrib=True, num_threads=threads))


class _Local(threading.local):
    predictor: _RowPredictor


class _RowPredictor:
    """For one thread: its buffers, and a configuration that was parsed once. Holds on to the booster it belongs to."""

    def __init__(self, booster: lgb.Booster, columns: int) -> None:
        library = _library()
        self._booster = booster
        self._row = np.zeros(columns)
        self._score = np.zeros(1)
        self._length = ctypes.c_int64()
        self._fast = ctypes.c_void_p()
        self._call = library.LGBM_BoosterPredictForMatSingleRowFast
        self._free = library.LGBM_FastConfigFree
        trees = ctypes.c_int(booster.best_iteration if booster.best_iteration > 0 else _ALL_TREES)
        status = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,  # pyright: ignore[reportPrivateUsage]
            ctypes.c_int(_NORMAL),
            ctypes.c_int(0),
            trees,
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(columns),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(self._fast),
        )
        _require(status)
        self._arguments = (
            self._fast,
            ctypes.c_void_p(self._row.ctypes.data),
            ctypes.byref(self._length),
            ctypes.c_void_p(self._score.ctypes.data),
        )

    def __call__(self, row: Floats) -> float:
        self._row[:] = row
        if self._call(*self._arguments):
            _require(-1)
        return self._score.item()

    def __del__(self) -> None:
        if getattr(self, "_fast", None):
            self._free(self._fast)


@lru_cache(maxsize=1)
def _library() -> Any:
    """LightGBM's library, called without giving up the interpreter's lock: to get it back from a busy thread may take
    5 ms, a score takes microseconds."""
    from lightgbm import basic

    return ctypes.PyDLL(basic._LIB._name)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]


def _require(status: int) -> None:
    if status != 0:
        library = _library()
        library.LGBM_GetLastError.restype = ctypes.c_char_p
        raise InvalidInput(f"LightGBM cannot score the row: {library.LGBM_GetLastError().decode()}")
