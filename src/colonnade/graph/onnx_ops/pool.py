"""Pools and means over the plane."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from colonnade.errors import ColonnadeError
from colonnade.graph.formula import literal
from colonnade.graph.ir import Pool, Reshape
from colonnade.graph.onnx_node import Reader, SourceNode, Tensor, Value, operator
from colonnade.graph.onnx_ops.reduce import map_one, reduced
from colonnade.graph.windows import Axis, Windows, resolve_axes

Kind = Literal["max", "avg"]


@operator("MaxPool", limits="one output")
def max_pool(node: SourceNode) -> Value:
    if node.outputs > 1:
        raise ColonnadeError("its second output, the indices, is not supported; MaxUnpool needs them")
    return _pool(node, node.tensor(0), "max", count_include_pad=False)


@operator("AveragePool")
def average_pool(node: SourceNode) -> Value:
    return _pool(node, node.tensor(0), "avg", count_include_pad=bool(node.attributes.get("count_include_pad", 0)))


@operator("LpPool")
def lp_pool(node: SourceNode) -> Value:
    """The root of a sum of powers: an average that counts its padding, by the number of elements. Windows that
    ceil_mode lets reach beyond the padding get more of it, so that all have that number."""
    p = int(node.attributes.get("p", 2))
    x = node.tensor(0)
    powers = map_one(node, "x0 * x0" if p == 2 else f"pow(abs(x0), {p})", x)
    mean = _pool(node, powers, "avg", count_include_pad=True, whole=True)
    count = math.prod(int(k) for k in node.attributes["kernel_shape"])
    return map_one(node, f"sqrt(x0 * {count})" if p == 2 else f"pow(x0 * {count}, {literal(1 / p)})", mean)


def _pool(node: SourceNode, x: Tensor, kind: Kind, count_include_pad: bool, whole: bool = False) -> Tensor:
    """Over lines, planes or volumes; those plane by plane, and then along their depth. whole: no window reaches beyond
    the padding."""
    kernel = tuple(int(k) for k in node.attributes["kernel_shape"])
    axes = resolve_axes(node, kernel, x.shape[2:])
    if whole:
        axes = tuple(replace(axis, after=max(axis.after, axis.reach_after)) for axis in axes)
    if not 1 <= len(axes) <= 3:
        raise ColonnadeError(f"input 0 has shape {list(x.shape)}; it must have rank 3, 4 or 5")
    shape = (*x.shape[:2], *(axis.output for axis in axes))
    for axis in axes:
        if axis.has_empty and not count_include_pad:  # nothing to take the maximum or the mean of
            raise ColonnadeError(f"its pads leave a window of {list(kernel)} without an element")
    none = Axis(1, output=1)
    if len(axes) == 1:
        return _flat(node, _of_planes(node, x, kind, Windows(none, axes[0]), count_include_pad), shape)
    y = _of_planes(node, x, kind, Windows(*axes[-2:]), count_include_pad)
    if len(axes) == 2:
        return _flat(node, y, shape)
    area = math.prod(shape[3:])
    flat = _flat(node, y, (*x.shape[:2], x.shape[2], area))
    return _flat(
        node, _of_planes(node, flat, kind, Windows(axes[0], Axis(area, output=area)), count_include_pad), shape
    )


def _of_planes(node: SourceNode, x: Tensor, kind: Kind, windows: Windows, count_include_pad: bool) -> Tensor:
    plane = (windows.down.size, windows.along.size)
    flat = _flat(node, x, (x.shape[0], math.prod(x.shape[1:]) // math.prod(plane), *plane))
    op = Pool(kind, windows.kernel, windows.strides, windows.pads, windows.dilations, count_include_pad)
    return node.emit(op, [flat], (*flat.shape[:2], *windows.output))


def _flat(node: SourceNode, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return x if x.shape == shape else node.emit(Reshape(), [x], shape)


def _global(kind: str) -> Reader:
    def read(node: SourceNode) -> Value:
        x = node.tensor()
        return reduced(node, x, kind, tuple(range(2, len(x.shape))))

    return read


operator("GlobalAveragePool")(_global("mean"))
operator("GlobalMaxPool")(_global("max"))


@operator("GlobalLpPool")
def global_lp_pool(node: SourceNode) -> Value:
    x, p = node.tensor(), int(node.attributes.get("p", 2))
    powers = map_one(node, f"pow(abs(x0), {p})", x)
    return map_one(node, f"pow(x0, {literal(1 / p)})", reduced(node, powers, "sum", tuple(range(2, len(x.shape)))))
