"""Matrix products."""

from __future__ import annotations

import math

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL, Dense, MatMul, Reshape, Transpose
from colonnade.graph.onnx_node import Constant, SourceNode, Tensor, Value, operator, shape_of
from colonnade.graph.onnx_ops.elementwise import emit_map, real_operands

MOST_DENSE_ROWS = 16  # with constant weights; more rows are a product of two values, which reads them where they are


@operator("Gemm", is_heavy=True)
def gemm(node: SourceNode) -> Value:
    """alpha * a @ b + beta * c, with a and b given transposed or not."""
    a, b = (_transposed(node, node.operands[i], bool(node.attributes.get(f"trans{'AB'[i]}", 0))) for i in (0, 1))
    alpha, beta = (float(node.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
    addend = node.operand(2)
    if not isinstance(a, Tensor) or not isinstance(b, Constant) or len(a.shape) != 2 or isinstance(addend, Tensor):
        y = product(node, a, b)
        scaled = y if alpha == 1 else emit_map(node, f"x0 * {alpha!r}", [y])
        if addend is None:
            return scaled
        return emit_map(node, f"x0 + x1 * {beta!r}", [scaled, real_operands(node)[2]])
    rows = _weights(b).T * REAL.type(alpha)
    if addend is None:
        return _dense(node, a, rows, None)
    shift = node.required_weights(2).array * REAL.type(beta)
    if shift.ndim < 2 or shift.shape[0] == 1:
        if shift.size not in (1, rows.shape[0]):
            raise ColonnadeError(
                f"input 2 of shape {list(shift.shape)} does not broadcast to {[a.shape[0], rows.shape[0]]}"
            )
        return _dense(node, a, rows, np.broadcast_to(shift.reshape(-1), (rows.shape[0],)))
    return emit_map(node, "x0 + x1", [_dense(node, a, rows, None), Constant(f"{node.name}/addend", shift)])


@operator("MatMul", is_heavy=True)
def matmul(node: SourceNode) -> Value:
    """Vectors count as matrices of one row, or of one column, and then lose that axis."""
    a, b = real_operands(node)
    left, right = len(shape_of(a)) == 1, len(shape_of(b)) == 1
    y = product(node, _matrix(node, a, (1, -1)) if left else a, _matrix(node, b, (-1, 1)) if right else b)
    shape = [*y.shape[:-2], *(() if left else (y.shape[-2],)), *(() if right else (y.shape[-1],))]
    return node.emit(Reshape(), [y], shape) if left or right else y


def product(node: SourceNode, a: Value, b: Value) -> Tensor:
    """a @ b of matrices, or of batches of them that broadcast."""
    shapes = shape_of(a), shape_of(b)
    if min(map(len, shapes)) < 2 or shapes[0][-1] != shapes[1][-2]:
        raise ColonnadeError(f"shapes {list(shapes[0])} and {list(shapes[1])} cannot be multiplied")
    rows = math.prod(shapes[0][:-1])
    if isinstance(a, Tensor) and isinstance(b, Constant) and b.array.ndim == 2 and rows <= MOST_DENSE_ROWS:
        flat = a if len(a.shape) == 2 else node.emit(Reshape(), [a], (rows, a.shape[-1]))
        y = _dense(node, flat, _weights(b).T, None)
        return y if len(a.shape) == 2 else node.emit(Reshape(), [y], (*a.shape[:-1], y.shape[-1]))
    try:
        batch = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    except ValueError:
        raise ColonnadeError(f"shapes {list(shapes[0])} and {list(shapes[1])} do not broadcast together") from None
    full = [_matrix(node, v, (*(1,) * (len(batch) + 2 - len(s)), *s)) for v, s in zip((a, b), shapes, strict=True)]
    return node.emit(MatMul(), full, (*batch, shapes[0][-2], shapes[1][-1]))


def _matrix(node: SourceNode, value: Value, shape: tuple[int, ...]) -> Value:
    """The value in another shape; -1 stands for all of its elements."""
    own = shape_of(value)
    shape = tuple(math.prod(own) if d == -1 else d for d in shape)
    if own == shape:
        return value
    if isinstance(value, Constant):
        return Constant(value.name + "/matrix", value.array.reshape(shape))
    return node.emit(Reshape(), [value], shape)


def _transposed(node: SourceNode, value: Value | None, swap: bool) -> Value:
    if value is None or len(shape_of(value)) != 2:
        raise ColonnadeError("its operands must be matrices")
    if not swap:
        return value
    if isinstance(value, Constant):
        return Constant(value.name + "/transposed", value.array.T)
    return node.emit(Transpose((1, 0)), [value], value.shape[::-1])


def _weights(constant: Constant) -> np.ndarray:
    if constant.array.dtype != REAL:
        raise ColonnadeError(f"'{constant.name}' is {constant.array.dtype}; it must be {REAL}")
    return constant.array


def _dense(node: SourceNode, x: Tensor, rows: np.ndarray, bias: np.ndarray | None) -> Tensor:
    if rows.shape[1] != x.shape[1]:
        raise ColonnadeError(f"input {list(x.shape)} does not fit weights for {rows.shape[1]} features")
    bias = np.zeros(rows.shape[0], REAL) if bias is None else bias
    return node.emit(Dense(), [x, rows, bias], (x.shape[0], rows.shape[0]))
