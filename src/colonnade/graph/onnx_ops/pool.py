"""Pools and means over the plane."""

from __future__ import annotations

from typing import Literal

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import GlobalPool, Pool, Reshape
from colonnade.graph.onnx_node import SourceNode, Value, normalize_axis, operator
from colonnade.graph.windows import resolve_windows


@operator("MaxPool", limits="two-dimensional, one output; no dilations with SAME padding")
def max_pool(node: SourceNode) -> Value:
    return _pool(node, "max", count_include_pad=False)


@operator("AveragePool", limits="two-dimensional; no dilations with SAME padding")
def average_pool(node: SourceNode) -> Value:
    return _pool(node, "avg", count_include_pad=bool(node.attributes.get("count_include_pad", 0)))


def _pool(node: SourceNode, kind: Literal["max", "avg"], count_include_pad: bool) -> Value:
    x = node.tensor(0, rank=4)
    kernel = tuple(int(k) for k in node.attributes["kernel_shape"])
    if len(kernel) != 2 or min(kernel) < 1:
        raise ColonnadeError(f"attribute kernel_shape is {list(kernel)}; it must be two positive integers")
    windows = resolve_windows(node, (kernel[0], kernel[1]), (x.shape[2], x.shape[3]))
    if windows.has_empty:
        raise ColonnadeError(f"pads {list(windows.pads)} leave a {kernel[0]}x{kernel[1]} window without an element")
    op = Pool(kind, windows.kernel, windows.strides, windows.pads, windows.dilations, count_include_pad)
    return node.emit(op, [x], (*x.shape[:2], *windows.output))


@operator("GlobalAveragePool", limits="rank 4")
def global_average_pool(node: SourceNode) -> Value:
    return _global_pool(node, "avg")


@operator("GlobalMaxPool", limits="rank 4")
def global_max_pool(node: SourceNode) -> Value:
    return _global_pool(node, "max")


def _global_pool(node: SourceNode, kind: Literal["max", "avg"]) -> Value:
    x = node.tensor(0, rank=4)
    return node.emit(GlobalPool(kind), [x], (*x.shape[:2], 1, 1))


@operator("ReduceMean", limits="rank 4, over H and W")
def reduce_mean(node: SourceNode) -> Value:
    """Over H and W only, which is a global average pool. Axes are an attribute before opset 18, then an input."""
    x = node.tensor(0, rank=4)
    given = node.integers("axes", index=1, since=18) or ()
    if not given and node.attributes.get("noop_with_empty_axes", 0):
        return x
    axes = sorted(normalize_axis(axis, 4) for axis in given)
    if axes != [2, 3]:
        raise ColonnadeError(f"mean over axes {list(given) or 'all'} is not supported, only over H and W (2 and 3)")
    mean = node.emit(GlobalPool("avg"), [x], (*x.shape[:2], 1, 1))
    return mean if node.attributes.get("keepdims", 1) else node.emit(Reshape(), [mean], x.shape[:2])
