"""Operators that move, join, cut and repeat elements."""

from __future__ import annotations

import math

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.folding.node import Operation, folds, integer_list, spread
from colonnade.graph.onnx_node import MAX_ELEMENTS, normalize_axis
from colonnade.graph.tensors import shape_text


@folds("Identity")
def identity(operation: Operation) -> np.ndarray:
    return operation.array()


@folds("Reshape")
def reshape(operation: Operation) -> np.ndarray:
    """0 copies the input's dimension (unless allowzero), -1 takes what is left."""
    x = operation.array()
    target = integer_list(operation.array(1))
    if not operation.integer("allowzero", 0):
        target = [x.shape[i] if d == 0 and i < x.ndim else d for i, d in enumerate(target)]
    if min(target, default=0) < -1 or target.count(-1) > 1:
        raise ColonnadeError(f"shape {shape_text(x.shape)} cannot become {shape_text(target)}")
    return x.reshape(target)


@folds("Flatten")
def flatten(operation: Operation) -> np.ndarray:
    x = operation.array()
    axis = operation.integer("axis", 1)
    axis = axis if axis == x.ndim else normalize_axis(axis, x.ndim)
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@folds("Squeeze")
def squeeze(operation: Operation) -> np.ndarray:
    x = operation.array()
    axes = operation.integers("axes", 1, since=13)
    if axes is None:
        return x.squeeze()
    return x.squeeze(tuple({normalize_axis(a, x.ndim) for a in axes}))


@folds("Unsqueeze")
def unsqueeze(operation: Operation) -> np.ndarray:
    return np.expand_dims(operation.array(), tuple(operation.integers("axes", 1, since=13) or ()))


@folds("Transpose")
def transpose(operation: Operation) -> np.ndarray:
    return operation.array().transpose(operation.attributes.get("perm"))


@folds("Concat")
def concat(operation: Operation) -> np.ndarray:
    arrays = operation.arrays()
    axis = normalize_axis(operation.integer("axis", 1), arrays[0].ndim)
    operation.reserve((sum(array.size for array in arrays),), arrays[0].dtype)
    return np.concatenate(arrays, axis)


@folds("Slice")
def slice_(operation: Operation) -> np.ndarray:
    """Starts and ends are attributes before opset 10. Those beyond the array are taken as its ends."""
    x = operation.array()
    starts, ends = (operation.integers(n, i, since=10) for n, i in (("starts", 1), ("ends", 2)))
    if starts is None or ends is None:
        raise ColonnadeError("starts and ends are missing")
    axes = operation.integers("axes", 3, since=10) or range(len(starts))
    steps = operation.integers("steps", 4, since=10) or [1] * len(starts)
    cuts = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cuts[normalize_axis(axis, x.ndim)] = slice(start, end, step)
    return np.asarray(x[tuple(cuts)])


@folds("Split")
def split(operation: Operation) -> list[np.ndarray]:
    """Lengths are given, or equal; the last part may be shorter with `num_outputs`."""
    x = operation.array()
    axis = normalize_axis(operation.integer("axis", 0), x.ndim)
    lengths = operation.integers("split", 1, since=13)
    if lengths is None:
        parts = operation.integer("num_outputs", operation.outputs)
        if parts != operation.outputs:
            raise ColonnadeError(f"attribute num_outputs is {parts}, but it has {operation.outputs} outputs")
        length = -(-x.shape[axis] // parts)
        lengths = [length] * (parts - 1) + [x.shape[axis] - length * (parts - 1)]
    if sum(lengths) != x.shape[axis] or min(lengths) < 0 or len(lengths) != operation.outputs:
        raise ColonnadeError(f"shape {shape_text(x.shape)} cannot be split into {shape_text(lengths)} on axis {axis}")
    return np.split(x, np.cumsum(lengths)[:-1], axis)


@folds("Expand")
def expand(operation: Operation) -> np.ndarray:
    x = operation.array()
    wanted = integer_list(operation.array(1))
    if max(wanted, default=0) > MAX_ELEMENTS:  # before numpy sees sizes that it cannot hold
        raise ColonnadeError(f"its constant result of shape {shape_text(wanted)} is too large")
    operation.reserve(x.shape, x.dtype)
    return spread(x, np.broadcast_shapes(x.shape, tuple(wanted)))


@folds("Tile")
def tile(operation: Operation) -> np.ndarray:
    x = operation.array()
    repeats = integer_list(operation.array(1))
    if len(repeats) != x.ndim or min(repeats, default=0) < 0:
        raise ColonnadeError(f"repeats {shape_text(repeats)} do not fit shape {shape_text(x.shape)}")
    operation.reserve([d * r for d, r in zip(x.shape, repeats, strict=True)], x.dtype)
    return np.tile(x, repeats)


@folds("Pad")
def pad(operation: Operation) -> np.ndarray:
    """Pads and value are attributes before opset 11; axes may be given from opset 18. Negative pads cut off."""
    x = operation.array()
    pads = operation.integers("pads", 1, since=11) or []
    given = operation.operand(3) if operation.opset >= 18 else None
    axes = range(x.ndim) if given is None else [normalize_axis(a, x.ndim) for a in integer_list(given)]
    if len(pads) != 2 * len(axes):
        raise ColonnadeError(f"{len(pads)} pads are given for {len(axes)} axes")
    edges = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        edges[axis] = (pads[i], pads[i + len(axes)])
    operation.reserve([max(d + sum(edge), 0) for d, edge in zip(x.shape, edges, strict=True)], x.dtype)
    operation.reserve([d + max(b, 0) + max(a, 0) for d, (b, a) in zip(x.shape, edges, strict=True)], x.dtype)
    kept = x[tuple(slice(max(-b, 0), d - max(-a, 0)) for d, (b, a) in zip(x.shape, edges, strict=True))]
    around = [(max(b, 0), max(a, 0)) for b, a in edges]
    mode = str(operation.attributes.get("mode", "constant"))
    if mode == "constant":
        return np.pad(kept, around, constant_values=_pad_value(operation, x.dtype))
    if mode not in ("reflect", "edge", "wrap"):
        raise ColonnadeError(f"mode '{mode}' is unknown")
    if 0 in kept.shape:
        raise ColonnadeError(f"shape {shape_text(kept.shape)} has no elements to pad with")
    return _padded_by_itself(kept, around, mode)


def _padded_by_itself(x: np.ndarray, around: list[tuple[int, int]], mode: str) -> np.ndarray:
    """Pad by elements of the array, axis by axis. numpy's own modes take a step for every period of the pads."""
    for axis, (before, after) in enumerate(around):
        size = x.shape[axis]
        places = np.arange(-before, size + after)
        if mode == "edge":
            places = places.clip(0, size - 1)
        elif mode == "wrap" or size == 1:
            places %= size
        else:
            places = np.abs((places + size - 1) % (2 * size - 2) - (size - 1))
        x = x.take(places, axis)
    return x


def _pad_value(operation: Operation, dtype: np.dtype) -> np.ndarray:
    if operation.opset < 11:
        return np.asarray(operation.attributes.get("value", 0.0), dtype)
    if operation.operand(2) is None or not operation.array(2).size:
        return np.zeros((), dtype)
    return np.asarray(operation.scalar(2), dtype)


@folds("Trilu")
def trilu(operation: Operation) -> np.ndarray:
    x = operation.array()
    if x.ndim < 2:
        raise ColonnadeError(f"input 0 has rank {x.ndim}; it must have 2 at least")
    operation.reserve(x.shape, x.dtype)
    diagonal = 0 if operation.operand(1) is None else int(operation.scalar(1))
    diagonal = min(max(diagonal, -x.shape[-2]), x.shape[-1])
    return np.triu(x, diagonal) if operation.integer("upper", 1) else np.tril(x, diagonal)
