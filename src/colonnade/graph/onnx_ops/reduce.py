"""Reductions over axes, and what is made of them: norms, and normalisations by the values themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.formula import literal
from colonnade.graph.ir import REAL, GlobalPool, Reduce, Reshape
from colonnade.graph.onnx_node import Constant, Reader, SourceNode, Tensor, Value, normalize_axis, operator
from colonnade.graph.onnx_ops.elementwise import emit_map
from colonnade.graph.onnx_ops.matrix import product

_AXES_ARE_INPUTS_SINCE = {"ReduceSum": 13}  # 18 for the others

# Of the elements before, the reduction, and of the result after it.
_REDUCTIONS = {
    "ReduceSum": ("x0", "sum", "x0"),
    "ReduceMean": ("x0", "mean", "x0"),
    "ReduceMax": ("x0", "max", "x0"),
    "ReduceMin": ("x0", "min", "x0"),
    "ReduceProd": ("x0", "prod", "x0"),
    "ReduceL1": ("abs(x0)", "sum", "x0"),
    "ReduceL2": ("x0 * x0", "sum", "sqrt(x0)"),
    "ReduceSumSquare": ("x0 * x0", "sum", "x0"),
    "ReduceLogSum": ("x0", "sum", "log(x0)"),
}


def map_one(node: SourceNode, formula: str, *values: Value) -> Tensor:
    """A map, or its only input where the formula is that."""
    first = values[0]
    return first if formula == "x0" and isinstance(first, Tensor) else emit_map(node, formula, list(values))


def reduced(node: SourceNode, x: Tensor, kind: str, axes: Sequence[int]) -> Tensor:
    """A reduction that keeps its axes, with one element each. "mean" is a sum by its scale."""
    shape = [1 if i in axes else d for i, d in enumerate(x.shape)]
    if kind in ("mean", "max") and len(x.shape) == 4 and tuple(axes) == (2, 3):
        return node.emit(GlobalPool("avg" if kind == "mean" else "max"), [x], shape)
    scale = 1.0 / math.prod(x.shape[a] for a in axes) if kind == "mean" else 1.0
    return node.emit(Reduce("sum" if kind == "mean" else kind, tuple(axes), scale), [x], shape)


def _axes(node: SourceNode, rank: int) -> list[int] | None:
    """None: nothing is reduced."""
    given = node.integers("axes", index=1, since=_AXES_ARE_INPUTS_SINCE.get(node.op_type, 18)) or ()
    if not given and node.attributes.get("noop_with_empty_axes", 0):
        return None
    return sorted({normalize_axis(axis, rank) for axis in given}) if given else list(range(rank))


def _without(node: SourceNode, y: Tensor, axes: Sequence[int]) -> Tensor:
    """y as the attribute keepdims wants it."""
    if node.attributes.get("keepdims", 1):
        return y
    return node.emit(Reshape(), [y], [d for i, d in enumerate(y.shape) if i not in axes], y.dtype)


def _reader(before: str, kind: str, after: str) -> Reader:
    def read(node: SourceNode) -> Value:
        x = node.tensor()
        axes = _axes(node, len(x.shape))
        if axes is None:
            return map_one(node, after, map_one(node, before, x))
        y = map_one(node, before, x)
        return _without(node, map_one(node, after, reduced(node, y, kind, axes) if axes else y), axes)

    return read


for _name, _parts in _REDUCTIONS.items():
    operator(_name)(_reader(*_parts))


@operator("ReduceLogSumExp")
def reduce_log_sum_exp(node: SourceNode) -> Value:
    """The largest value is taken out first, so that no power is infinite."""
    x = node.tensor()
    axes = _axes(node, len(x.shape))
    if not axes:
        return x
    top = reduced(node, x, "max", axes)
    total = reduced(node, map_one(node, "exp(x0 - x1)", x, top), "sum", axes)
    return _without(node, map_one(node, "log(x0) + x1", total, top), axes)


def _extreme(kind: str) -> Reader:
    def read(node: SourceNode) -> Value:
        x = node.tensor()
        axis = normalize_axis(int(node.attributes.get("axis", 0)), len(x.shape))
        op = Reduce(kind, (axis,), last=bool(node.attributes.get("select_last_index", 0)))
        shape = [1 if i == axis else d for i, d in enumerate(x.shape)]
        return _without(node, node.emit(op, [x], shape, np.dtype(np.int64)), [axis])

    return read


operator("ArgMax")(_extreme("argmax"))
operator("ArgMin")(_extreme("argmin"))


@operator("LogSoftmax")
def log_softmax(node: SourceNode) -> Value:
    """Before opset 13 the axes from `axis` on count as one."""
    x = node.tensor()
    axis = normalize_axis(int(node.attributes.get("axis", 1 if node.opset < 13 else -1)), len(x.shape))
    axes = range(axis, len(x.shape)) if node.opset < 13 else [axis]
    centred = map_one(node, "x0 - x1", x, reduced(node, x, "max", list(axes)))
    total = reduced(node, map_one(node, "exp(x0)", centred), "sum", list(axes))
    return map_one(node, "x0 - log(x1)", centred, total)


def _normalized(node: SourceNode, x: Tensor, axes: Sequence[int], epsilon: float) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), both over `axes`."""
    return _with_statistics(node, x, axes, epsilon)[0]


def _with_statistics(node: SourceNode, x: Tensor, axes: Sequence[int], epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """That, the mean and 1 / sqrt(variance + epsilon)."""
    mean = reduced(node, x, "mean", axes)
    centred = map_one(node, "x0 - x1", x, mean)
    variance = reduced(node, map_one(node, "x0 * x0", centred), "mean", axes)
    factor = map_one(node, f"1 / sqrt(x0 + {literal(epsilon)})", variance)
    return map_one(node, "x0 * x1", centred, factor), mean, factor


@operator("LayerNormalization")
def layer_normalization(node: SourceNode) -> tuple[Value, ...]:
    x = node.tensor()
    axes = range(normalize_axis(int(node.attributes.get("axis", -1)), len(x.shape)), len(x.shape))
    y, *statistics = _with_statistics(node, x, axes, float(node.attributes.get("epsilon", 1e-5)))
    scale, bias = node.required_weights(1), node.weights(2)
    y = map_one(node, "x0 * x1", y, scale) if bias is None else map_one(node, "x0 * x1 + x2", y, scale, bias)
    return y, *statistics


@operator("RMSNormalization")
def rms_normalization(node: SourceNode) -> Value:
    x = node.tensor()
    axes = range(normalize_axis(int(node.attributes.get("axis", -1)), len(x.shape)), len(x.shape))
    squares = reduced(node, map_one(node, "x0 * x0", x), "mean", axes)
    epsilon = literal(float(node.attributes.get("epsilon", 1e-5)))
    return map_one(node, f"x0 / sqrt(x1 + {epsilon}) * x2", x, squares, node.required_weights(1))


def _per_channel(node: SourceNode, index: int, x: Tensor) -> Constant:
    constant = node.required_weights(index, rank=1)
    if constant.array.size != x.shape[1]:
        raise ColonnadeError(f"input {index} has {constant.array.size} elements for {x.shape[1]} channels")
    return Constant(f"{constant.name}/channels", constant.array.reshape(-1, *(1,) * (len(x.shape) - 2)))


@operator("InstanceNormalization")
def instance_normalization(node: SourceNode) -> Value:
    x = node.tensor()
    y = _normalized(node, x, range(2, len(x.shape)), float(node.attributes.get("epsilon", 1e-5)))
    return map_one(node, "x0 * x1 + x2", y, _per_channel(node, 1, x), _per_channel(node, 2, x))


@operator("GroupNormalization")
def group_normalization(node: SourceNode) -> Value:
    """Scale and bias are of each group before opset 21, then of each channel."""
    x, groups = node.tensor(), int(node.attributes["num_groups"])
    if groups < 1 or x.shape[1] % groups:
        raise ColonnadeError(f"{x.shape[1]} channels are not {groups} groups")
    apart = node.emit(Reshape(), [x], (x.shape[0], groups, math.prod(x.shape[1:]) // groups))
    y = _normalized(node, apart, [2], float(node.attributes.get("epsilon", 1e-5)))
    y = node.emit(Reshape(), [y], x.shape)
    shape = (-1, *(1,) * (len(x.shape) - 2))
    scale, bias = (
        np.repeat(array, x.shape[1] // groups) if array.size == groups else array
        for array in (node.required_weights(i, rank=1).array for i in (1, 2))
    )
    names = (f"{node.name}/scale", f"{node.name}/bias")
    constants = [Constant(n, a.reshape(shape)) for n, a in zip(names, (scale, bias), strict=True)]
    return map_one(node, "x0 * x1 + x2", y, *constants)


@operator("LpNormalization")
def lp_normalization(node: SourceNode) -> Value:
    x, p = node.tensor(), int(node.attributes.get("p", 2))
    axis = normalize_axis(int(node.attributes.get("axis", -1)), len(x.shape))
    parts = map_one(node, "abs(x0)" if p == 1 else "x0 * x0", x)
    norm = map_one(node, "x0" if p == 1 else "sqrt(x0)", reduced(node, parts, "sum", [axis]))
    return map_one(node, "x0 / x1 if x1 != 0 else 0", x, norm)


@operator("MeanVarianceNormalization")
def mean_variance_normalization(node: SourceNode) -> Value:
    x = node.tensor()
    axes = sorted(normalize_axis(int(a), len(x.shape)) for a in node.attributes.get("axes", (0, 2, 3)))
    return _normalized(node, x, axes, 1e-9)


@operator("CumSum", limits="a constant axis")
def cum_sum(node: SourceNode) -> Value:
    """A product with a triangle of ones."""
    x = node.tensor()
    axis = normalize_axis(int(node.required(1).array.reshape(())), len(x.shape))
    n = x.shape[axis]
    triangle = np.triu(np.ones((n, n), REAL), 1 if node.attributes.get("exclusive", 0) else 0)
    if node.attributes.get("reverse", 0):
        triangle = triangle.T
    rows = node.emit(Reshape(), [x], (math.prod(x.shape[:axis]), n, math.prod(x.shape[axis + 1 :])))
    y = product(node, Constant(f"{node.name}/triangle", triangle.T), rows)
    return node.emit(Reshape(), [y], x.shape)
