"""Element-wise arithmetic on two values, of which one may be a constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL, Affine, Binary
from colonnade.graph.onnx_node import Constant, SourceNode, Tensor, Value, operator

ZERO = np.zeros(1, REAL)
ONE = np.ones(1, REAL)
BROADCAST = "equal shapes, [N, C, 1, 1] against [N, C, H, W], or a constant that broadcasts"


@operator("Add", limits=BROADCAST)
def add(node: SourceNode) -> Value:
    return _add(node, *_pair(node))


@operator("Sum", limits=BROADCAST)
def sum_(node: SourceNode) -> Value:
    operands = _operands(node)
    total, *rest = sorted(operands, key=lambda value: isinstance(value, Constant))  # an activation comes first
    for value in rest:
        total = _add(node, total, value)
    return total


@operator("Sub", limits=BROADCAST)
def sub(node: SourceNode) -> Value:
    a, b = _pair(node)
    if isinstance(b, Constant):
        return _add_constant(node, _tensor(a), np.negative(b.array))
    return _add(node, a, _mul_constant(node, b, -ONE))


@operator("Mul", limits=BROADCAST)
def mul(node: SourceNode) -> Value:
    a, b = _pair(node)
    if isinstance(a, Constant):
        a, b = b, a
    if isinstance(b, Constant):
        return _mul_constant(node, _tensor(a), b.array)
    return _binary(node, "mul", _tensor(a), b)


@operator("Div", limits="by a constant")
def div(node: SourceNode) -> Value:
    """Only by a constant, which becomes a product with its reciprocal."""
    a, b = _pair(node)
    if not isinstance(b, Constant):
        raise ColonnadeError("division by a value that is not constant is not supported")
    with np.errstate(divide="ignore"):
        reciprocal = (1.0 / b.array.astype(np.float64)).astype(REAL)
    return _mul_constant(node, _tensor(a), reciprocal)


def _operands(node: SourceNode) -> tuple[Value, ...]:
    return tuple(
        value if isinstance(value, Tensor) else node.required_weights(i) for i, value in enumerate(node.operands)
    )


def _pair(node: SourceNode) -> tuple[Value, Value]:
    a, b = _operands(node)
    return a, b


def _tensor(value: Value) -> Tensor:
    """Narrow to an activation: nodes with only constant operands were folded before they came here."""
    assert isinstance(value, Tensor)
    return value


def _add(node: SourceNode, a: Value, b: Value) -> Tensor:
    if isinstance(a, Constant):
        a, b = b, a
    if isinstance(b, Constant):
        return _add_constant(node, _tensor(a), b.array)
    return _binary(node, "add", _tensor(a), b)


def _binary(node: SourceNode, kind: Literal["add", "mul"], a: Tensor, b: Tensor) -> Tensor:
    """Operands of one shape, or one with H = W = 1."""
    for wide, narrow in ((a, b), (b, a)):
        plane_scalar = len(wide.shape) == 4 and narrow.shape == (*wide.shape[:2], 1, 1)
        if wide.shape == narrow.shape or plane_scalar:
            return node.emit(Binary(kind), [wide, narrow], wide.shape)
    raise ColonnadeError(
        f"shapes {list(a.shape)} and {list(b.shape)} are not supported together: "
        "they must be equal, or one [N, C, 1, 1] against [N, C, H, W]"
    )


def _add_constant(node: SourceNode, x: Tensor, addend: np.ndarray) -> Tensor:
    return _with_constant(node, "add", x, addend, lambda c: _affine(node, x, scale=ONE, shift=c))


def _mul_constant(node: SourceNode, x: Tensor, factor: np.ndarray) -> Tensor:
    return _with_constant(node, "mul", x, factor, lambda c: _affine(node, x, scale=c, shift=ZERO))


def _with_constant(
    node: SourceNode,
    kind: Literal["add", "mul"],
    x: Tensor,
    constant: np.ndarray,
    per_channel: Callable[[np.ndarray], Tensor],
) -> Tensor:
    """Lower to `per_channel` when the constant varies over channels only, else to an operator with a constant."""
    constant = np.asarray(constant)  # arithmetic on an array of rank 0 gives a scalar
    if constant.ndim > len(x.shape) or any(
        d not in (1, full) for d, full in zip(constant.shape[::-1], x.shape[::-1], strict=False)
    ):
        raise ColonnadeError(f"a constant of shape {list(constant.shape)} does not broadcast to {list(x.shape)}")
    aligned = constant.reshape((1,) * (len(x.shape) - constant.ndim) + constant.shape)
    if aligned.ndim >= 2 and aligned.size == aligned.shape[1]:
        return per_channel(aligned.reshape(-1))
    return node.emit(Binary(kind), [x, constant], x.shape)


def _affine(node: SourceNode, x: Tensor, scale: np.ndarray, shift: np.ndarray) -> Tensor:
    """x * scale + shift, each broadcast over the channels."""
    channels = (x.shape[1],)
    return node.emit(Affine(), [x, np.broadcast_to(scale, channels), np.broadcast_to(shift, channels)], x.shape)
