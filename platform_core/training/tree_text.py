"""Trees of other libraries in LightGBM's text format, so that one native library scores and explains them all.

The format is that of `Booster.model_to_string` (version v4): a header, then each tree as arrays over its inner nodes
and its leaves; a child is the number of an inner node, or -1 - number of a leaf. A node sends a row to the left when
value <= threshold, and a null where its `decision_type` says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Bits of decision_type: 2 sends nulls to the left; 8 says that nulls are NaN, and not zero.
_NULLS_LEFT, _NULLS_ARE_NAN = 2, 8


@dataclass(frozen=True)
class TreeArrays:
    """One tree, node by node from its root, 0. `left` is -1 for a leaf; `count`: how many rows of training came by."""

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    nulls_left: npt.NDArray[np.bool_]
    value: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]


def constant(value: float) -> TreeArrays:
    """A tree that says the same of every row."""
    none, one = np.array([-1]), np.array([1])
    zero = np.array([0.0])
    return TreeArrays(none, none, none, zero, np.array([False]), np.array([value]), one)


def tree_text(names: Sequence[str], trees: Sequence[TreeArrays], *, logistic: bool) -> str:
    """A model whose score is the sum of `trees`, or the logistic function of it."""
    header = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={len(names) - 1}",
        "objective=binary sigmoid:1" if logistic else "objective=regression",
        f"feature_names={' '.join(names)}",
        f"feature_infos={' '.join('[-inf:inf]' for _ in names)}",
        "",
    ]
    parts = [f"Tree={number}\n" + "\n".join(_tree(tree)) + "\n\n" for number, tree in enumerate(trees)]
    return "\n".join(header) + "\n" + "\n".join(parts) + "\nend of trees\n"


def _tree(tree: TreeArrays) -> Iterator[str]:
    order = _preorder(tree)
    inner = [node for node in order if tree.left[node] >= 0]
    leaves = [node for node in order if tree.left[node] < 0]
    number = {node: i for i, node in enumerate(inner)} | {node: -1 - i for i, node in enumerate(leaves)}
    yield f"num_leaves={len(leaves)}"
    yield "num_cat=0"
    if inner:
        yield _line("split_feature", [tree.feature[n] for n in inner])
        yield _line("split_gain", [0 for _ in inner])
        # A split on nulls alone has an infinite threshold, which LightGBM does not read.
        yield _line("threshold", [min(tree.threshold[n], sys.float_info.max) for n in inner])
        yield _line("decision_type", [_NULLS_ARE_NAN | (_NULLS_LEFT if tree.nulls_left[n] else 0) for n in inner])
        yield _line("left_child", [number[int(tree.left[n])] for n in inner])
        yield _line("right_child", [number[int(tree.right[n])] for n in inner])
    yield _line("leaf_value", [tree.value[n] for n in leaves])
    yield _line("leaf_weight", [tree.count[n] for n in leaves])
    yield _line("leaf_count", [tree.count[n] for n in leaves])
    if inner:
        yield _line("internal_value", [0 for _ in inner])
        yield _line("internal_weight", [tree.count[n] for n in inner])
        yield _line("internal_count", [tree.count[n] for n in inner])
    yield "is_linear=0"
    yield "shrinkage=1"


def _preorder(tree: TreeArrays) -> list[int]:
    found: list[int] = []
    waiting = [0]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if tree.left[node] >= 0:
            waiting += [int(tree.right[node]), int(tree.left[node])]
    return found


def _line(name: str, values: Sequence[float | np.generic]) -> str:
    """Numbers as Python writes them: the shortest text that is read back as the same number."""
    return f"{name}={' '.join(repr(v.item() if isinstance(v, np.generic) else v) for v in values)}"
