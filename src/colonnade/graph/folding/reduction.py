"""Operators that make one number of many: sums, extremes, their places, running sums, products of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.folding.node import Operation, folds
from colonnade.graph.onnx_node import normalize_axis
from colonnade.graph.tensors import shape_text

Axes = tuple[int, ...]
Reduction = Callable[[np.ndarray, Axes, bool], np.ndarray]


def _reduction(op_type: str, reduce: Reduction, since: int = 18) -> None:
    """An operator whose axes are an attribute before opset `since`, then an input."""

    @folds(op_type)
    def fold(operation: Operation) -> np.ndarray:
        x = operation.array()
        given = operation.integers("axes", 1, since)
        if not given and operation.integer("noop_with_empty_axes", 0):
            axes: Axes = ()
        else:
            axes = tuple({normalize_axis(a, x.ndim) for a in given or range(x.ndim)})
        operation.reserve(x.shape, np.dtype(np.float64))
        wide = x.astype(np.float64) if x.dtype.kind == "f" else x
        return np.asarray(reduce(wide, axes, bool(operation.integer("keepdims", 1)))).astype(x.dtype)


def _sum(x: np.ndarray, axes: Axes, keep: bool) -> np.ndarray:
    return np.asarray(x.sum(axis=axes, keepdims=keep, dtype=x.dtype))


def _mean(x: np.ndarray, axes: Axes, keep: bool) -> np.ndarray:
    total = _sum(x, axes, keep)
    count = math.prod(x.shape[a] for a in axes)
    return np.asarray(total / count if x.dtype.kind == "f" else total // max(count, 1))


def _extreme(x: np.ndarray, axes: Axes, keep: bool, largest: bool) -> np.ndarray:
    """The extreme of nothing is what every number beats."""
    if x.dtype.kind == "b":
        return np.asarray((x.any if largest else x.all)(axis=axes, keepdims=keep))
    if x.dtype.kind == "f":
        least, most = -np.inf, np.inf
    else:
        least, most = np.iinfo(x.dtype).min, np.iinfo(x.dtype).max
    if largest:
        return np.asarray(x.max(axis=axes, keepdims=keep, initial=least))
    return np.asarray(x.min(axis=axes, keepdims=keep, initial=most))


def _log_sum_exp(x: np.ndarray, axes: Axes, keep: bool) -> np.ndarray:
    top = x.max(axis=axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    logs = np.log(np.exp(x - top).sum(axis=axes, keepdims=True)) + top
    return np.asarray(logs if keep else logs.squeeze(axes))


_reduction("ReduceSum", _sum, since=13)
_reduction("ReduceMean", _mean)
_reduction("ReduceProd", lambda x, axes, keep: np.asarray(x.prod(axis=axes, keepdims=keep, dtype=x.dtype)))
_reduction("ReduceMax", lambda x, axes, keep: _extreme(x, axes, keep, largest=True))
_reduction("ReduceMin", lambda x, axes, keep: _extreme(x, axes, keep, largest=False))
_reduction("ReduceL1", lambda x, axes, keep: _sum(np.abs(x), axes, keep))
_reduction("ReduceL2", lambda x, axes, keep: np.sqrt(_sum(x * x, axes, keep)))
_reduction("ReduceSumSquare", lambda x, axes, keep: _sum(x * x, axes, keep))
_reduction("ReduceLogSum", lambda x, axes, keep: np.log(_sum(x, axes, keep)))
_reduction("ReduceLogSumExp", _log_sum_exp)


def _place(operation: Operation, largest: bool) -> np.ndarray:
    x = operation.array()
    axis = normalize_axis(operation.integer("axis", 0), x.ndim)
    operation.reserve(x.shape, np.dtype(np.int64))
    last = bool(operation.integer("select_last_index", 0))
    searched = np.flip(x, axis) if last else x
    found = np.asarray((searched.argmax if largest else searched.argmin)(axis=axis))
    if last:
        found = x.shape[axis] - 1 - found
    found = found.astype(np.int64)
    return np.expand_dims(found, axis) if operation.integer("keepdims", 1) else found


@folds("ArgMax")
def arg_max(operation: Operation) -> np.ndarray:
    return _place(operation, largest=True)


@folds("ArgMin")
def arg_min(operation: Operation) -> np.ndarray:
    return _place(operation, largest=False)


@folds("CumSum")
def cumulative_sum(operation: Operation) -> np.ndarray:
    """exclusive: each element counts only those before it; reverse: from the end."""
    x = operation.array()
    axis = normalize_axis(int(operation.scalar(1)), x.ndim)
    operation.reserve(x.shape, np.dtype(np.float64))
    forward = np.flip(x, axis) if operation.integer("reverse", 0) else x
    totals = forward.cumsum(axis, dtype=np.float64 if x.dtype.kind == "f" else x.dtype)
    if operation.integer("exclusive", 0):
        totals = totals - forward
    return (np.flip(totals, axis) if operation.integer("reverse", 0) else totals).astype(x.dtype)


@folds("MatMul")
def matrix_product(operation: Operation) -> np.ndarray:
    a, b = operation.arrays()
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ColonnadeError(f"matrices {shape_text(a.shape)} and {shape_text(b.shape)} do not fit")
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shape = (*batch, *a.shape[-2:-1], *(b.shape[-1:] if b.ndim > 1 else ()))
    wide = np.dtype(np.float64) if a.dtype.kind == "f" else a.dtype
    operation.reserve((math.prod(shape) + a.size + b.size,), wide)
    operation.budget.charge(math.prod(shape) * a.shape[-1])
    return np.asarray(np.matmul(a.astype(wide), b.astype(wide))).astype(a.dtype)
