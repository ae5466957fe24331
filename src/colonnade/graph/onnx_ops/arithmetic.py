"""Element-wise arithmetic: where one operand is a constant of each channel an Affine, sums and products of equal shapes
a Binary, which passes know; all else a Map."""

from __future__ import annotations

from typing import Literal

import numpy as np

from colonnade.graph.ir import REAL, Affine, Binary
from colonnade.graph.onnx_node import Constant, SourceNode, Tensor, Value, operator
from colonnade.graph.onnx_ops.elementwise import emit_map, real_operands

ZERO = np.zeros(1, REAL)
ONE = np.ones(1, REAL)


@operator("Add")
def add(node: SourceNode) -> Value:
    return _add(node, *real_operands(node))


@operator("Sum")
def sum_(node: SourceNode) -> Value:
    total, *rest = sorted(real_operands(node), key=lambda value: isinstance(value, Constant))
    for value in rest:
        total = _add(node, total, value)
    return total


@operator("Sub")
def sub(node: SourceNode) -> Value:
    a, b = real_operands(node)
    channels = _per_channel(a, b)
    if channels is not None:
        return _affine(node, a, scale=ONE, shift=-channels)
    return emit_map(node, "x0 - x1", [a, b])


@operator("Mul")
def mul(node: SourceNode) -> Value:
    a, b = real_operands(node)
    for x, other in ((a, b), (b, a)):
        channels = _per_channel(x, other)
        if channels is not None:
            return _affine(node, x, scale=channels, shift=ZERO)
    return _binary(node, "mul", a, b)


@operator("Div")
def div(node: SourceNode) -> Value:
    """By a constant of each channel it is a product with the reciprocal."""
    a, b = real_operands(node)
    channels = _per_channel(a, b)
    if channels is None or not channels.all():
        return emit_map(node, "x0 / x1", [a, b])
    return _affine(node, a, scale=(1.0 / channels.astype(np.float64)).astype(REAL), shift=ZERO)


def _add(node: SourceNode, a: Value, b: Value) -> Tensor:
    for x, other in ((a, b), (b, a)):
        channels = _per_channel(x, other)
        if channels is not None:
            return _affine(node, x, scale=ONE, shift=channels)
    return _binary(node, "add", a, b)


def _binary(node: SourceNode, kind: Literal["add", "mul"], a: Value, b: Value) -> Tensor:
    """A Binary where the shape of one operand is that of the result, and the other one has its rank or is constant."""
    for wide, narrow in ((a, b), (b, a)):
        if not isinstance(wide, Tensor):
            continue
        own = narrow.shape if isinstance(narrow, Tensor) else narrow.array.shape
        ranks = len(own) == len(wide.shape) or (isinstance(narrow, Constant) and len(own) < len(wide.shape))
        if ranks and all(d in (1, full) for d, full in zip(own[::-1], wide.shape[::-1], strict=False)):
            return node.emit(Binary(kind), [wide, narrow], wide.shape)
    return emit_map(node, "x0 + x1" if kind == "add" else "x0 * x1", [a, b])


def _per_channel(x: Value, constant: Value) -> np.ndarray | None:
    """The constant as one number or one for each channel of x, if that is all in which it varies."""
    if not isinstance(x, Tensor) or not isinstance(constant, Constant):
        return None
    array, rank = constant.array, len(x.shape)
    if rank < 2 or array.ndim > rank:
        return None
    aligned = array.reshape((1,) * (rank - array.ndim) + array.shape)
    fits = aligned.shape[1] in (1, x.shape[1]) and aligned.size == aligned.shape[1]
    return aligned.reshape(-1) if fits else None


def _affine(node: SourceNode, x: Value, scale: np.ndarray, shift: np.ndarray) -> Tensor:
    """x * scale + shift, each broadcast over the channels."""
    assert isinstance(x, Tensor)
    channels = (x.shape[1],)
    return node.emit(Affine(), [x, np.broadcast_to(scale, channels), np.broadcast_to(shift, channels)], x.shape)
