"""The graph in plain numpy: the oracle that passes and kernels are checked against.

Values are float32; convolutions, dense layers, averages and normalisations accumulate in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from colonnade.graph.ir import (
    F32,
    LRN,
    Act,
    Activation,
    Affine,
    Binary,
    Concat,
    Conv,
    Dense,
    GlobalPool,
    Graph,
    Pad,
    Pool,
    Reshape,
    Softmax,
    Transpose,
)


def run_reference(graph: Graph, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of the graph, by name. `feeds` gives every input, float32 in the graph's shape."""
    values: dict[str, np.ndarray] = dict(graph.constants)
    for name in graph.inputs:
        if feeds[name].shape != graph.shapes[name]:
            raise ValueError(f"input '{name}' has shape {feeds[name].shape}; it must be {graph.shapes[name]}")
        values[name] = np.asarray(feeds[name], dtype=F32)
    readers_left = {value: len(nodes) for value, nodes in graph.consumers().items()}
    for node in graph.nodes:
        shape = graph.shapes[node.output]
        result = run_op(node.op, [values[name] for name in node.inputs], shape)
        if result.shape != shape:
            raise ValueError(f"node '{node.name}' made shape {result.shape}; the graph says {shape}")
        values[node.output] = result
        for name in dict.fromkeys(node.inputs):
            readers_left[name] -= 1
            if not readers_left[name] and name not in graph.outputs:
                del values[name]
    return {name: values[name] for name in graph.outputs}


def run_op(op: Any, inputs: Sequence[np.ndarray], out_shape: tuple[int, ...]) -> np.ndarray:
    """One operator on its inputs, in float32."""
    result = _EXECUTORS[type(op)](op, inputs, out_shape)
    return np.ascontiguousarray(result, dtype=F32).reshape(result.shape)


def activate(x: np.ndarray, act: Activation) -> np.ndarray:
    """The activation of every element, in x's dtype."""
    with np.errstate(over="ignore"):  # exp of a large number is inf, and 1 / inf the right limit
        y: np.ndarray
        match act.kind:
            case "clamp":
                y = np.minimum(np.maximum(x, x.dtype.type(act.lo)), x.dtype.type(act.hi))
            case "sigmoid":
                y = 1 / (1 + np.exp(-x))
            case "hard_sigmoid":
                y = np.clip(act.alpha * x + act.beta, 0, 1)
            case "hard_swish":
                y = x * np.clip(x / 6 + 0.5, 0, 1)
            case "silu":
                y = x / (1 + np.exp(-x))
        return y


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray, op: Conv, residual: np.ndarray | None = None) -> np.ndarray:
    """act(conv(x, w) + b [+ residual]) in float32. x [N,Cin,H,W], w [Cout,Cin/groups,kh,kw], b [Cout]."""
    patches = _windows(x, w.shape[2:], op.strides, op.pads, op.dilations, 0.0)
    batch, _, rows, columns, _, _ = patches.shape
    outputs = w.shape[0]
    matrix = w.reshape(op.groups, outputs // op.groups, -1).astype(np.float64)
    y = np.empty((batch, outputs, rows, columns), np.float64)
    for image, windows in zip(y, patches, strict=True):
        # [C, Ho, Wo, kh, kw] -> [groups, C / groups * kh * kw, Ho * Wo]: im2col, one image at a time
        data = windows.transpose(0, 3, 4, 1, 2).astype(np.float64).reshape(op.groups, matrix.shape[2], rows * columns)
        image[:] = (matrix @ data).reshape(image.shape)
    y += b.reshape(1, -1, 1, 1)
    if residual is not None:
        y += residual
    return activate(y, op.act).astype(F32)


def pool2d(x: np.ndarray, op: Pool, out_shape: tuple[int, ...]) -> np.ndarray:
    """Max or average over windows, in float32. out_shape [N,C,Ho,Wo]: windows may reach past the padding."""
    pads = _pads_to_cover(x.shape, op, out_shape)
    if op.kind == "max":
        windows = _windows(x, op.kernel, op.strides, pads, op.dilations, -np.inf)
        largest: np.ndarray = windows[:, :, : out_shape[2], : out_shape[3]].max(axis=(4, 5))
        return largest
    present = np.ones((1, 1, *x.shape[2:]))
    if op.count_include_pad:
        top, left, bottom, right = op.pads
        present = np.ones((1, 1, x.shape[2] + top + bottom, x.shape[3] + left + right))
        around = (0, 0, pads[2] - bottom, pads[3] - right)
    else:
        around = pads
    totals, counts = (
        _windows(array, op.kernel, op.strides, edge, op.dilations, 0.0)[:, :, : out_shape[2], : out_shape[3]].sum(
            axis=(4, 5), dtype=np.float64
        )
        for array, edge in ((x, pads), (present, around))
    )
    mean: np.ndarray = totals / counts
    return mean.astype(F32)


def _pads_to_cover(shape: tuple[int, ...], op: Pool, out_shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The declared pads, larger at the bottom and right where the last window reaches further."""
    pads = list(op.pads)
    for axis in (0, 1):
        reach = (out_shape[2 + axis] - 1) * op.strides[axis] + (op.kernel[axis] - 1) * op.dilations[axis] + 1
        pads[2 + axis] = max(pads[2 + axis], reach - shape[2 + axis] - pads[axis])
    return pads[0], pads[1], pads[2], pads[3]


def _windows(
    x: np.ndarray,
    kernel: Sequence[int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    dilations: tuple[int, int],
    fill: float,
) -> np.ndarray:
    """A view [N, C, Ho, Wo, kh, kw] of all windows over the padded input."""
    top, left, bottom, right = pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill) if any(pads) else x
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(2, 3))
    return views[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def _conv(op: Conv, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    return conv2d(inputs[0], inputs[1], inputs[2], op, inputs[3] if op.residual else None)


def _dense(op: Dense, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    x, w, b = (array.astype(np.float64) for array in inputs)
    product: np.ndarray = x @ w.T
    return activate(product + b, op.act)


def _pool(op: Pool, inputs: Sequence[np.ndarray], out_shape: tuple[int, ...]) -> np.ndarray:
    return pool2d(inputs[0], op, out_shape)


def _global_pool(op: GlobalPool, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    reduce = np.max if op.kind == "max" else np.mean
    y: np.ndarray = reduce(inputs[0].astype(np.float64), axis=(2, 3), keepdims=True)
    return y


def _affine(op: Affine, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    x, scale, shift = inputs
    per_channel = (1, -1) + (1,) * (x.ndim - 2)
    return activate(x.astype(np.float64) * scale.reshape(per_channel) + shift.reshape(per_channel), op.act)


def _act(op: Act, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    return activate(inputs[0], op.act)


def _binary(op: Binary, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    a, b = inputs
    return activate(a + b if op.kind == "add" else a * b, op.act)


def _concat(op: Concat, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    return np.concatenate(inputs, axis=op.axis)


def _pad(op: Pad, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    top, left, bottom, right = op.pads
    return np.pad(inputs[0], ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=op.value)


def _reshape(_op: Reshape, inputs: Sequence[np.ndarray], out_shape: tuple[int, ...]) -> np.ndarray:
    return inputs[0].reshape(out_shape)


def _transpose(op: Transpose, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    return inputs[0].transpose(op.perm)


def _softmax(op: Softmax, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    x = inputs[0].astype(np.float64)
    powers: np.ndarray = np.exp(x - x.max(axis=op.axis, keepdims=True))
    powers /= powers.sum(axis=op.axis, keepdims=True)
    return powers


def _lrn(op: LRN, inputs: Sequence[np.ndarray], _: tuple[int, ...]) -> np.ndarray:
    x = inputs[0].astype(np.float64)
    before, after = (op.size - 1) // 2, op.size // 2
    squares = np.pad(x**2, ((0, 0), (before, after), (0, 0), (0, 0)))
    sums = sum(squares[:, i : i + x.shape[1]] for i in range(op.size))
    y: np.ndarray = x / (op.bias + op.alpha / op.size * sums) ** op.beta
    return y


_Executor = Callable[[Any, Sequence[np.ndarray], tuple[int, ...]], np.ndarray]
_EXECUTORS: Mapping[type, _Executor] = {
    Conv: _conv,
    Dense: _dense,
    Pool: _pool,
    GlobalPool: _global_pool,
    Affine: _affine,
    Act: _act,
    Binary: _binary,
    Concat: _concat,
    Pad: _pad,
    Reshape: _reshape,
    Transpose: _transpose,
    Softmax: _softmax,
    LRN: _lrn,
}
