"""Matrix products with constant weights."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL, Binary, Dense
from colonnade.graph.onnx_node import SourceNode, Tensor, Value, operator


@operator("Gemm", limits="transA is 0; weights and addend are constants")
def gemm(node: SourceNode) -> Value:
    """alpha * x @ w + beta * c, with w given transposed or not."""
    if node.attributes.get("transA", 0):
        raise ColonnadeError("transA = 1 is not supported")
    x, weights = node.tensor(0, rank=2), node.required_weights(1, rank=2).array
    rows = weights if node.attributes.get("transB", 0) else weights.T
    rows = rows * REAL.type(node.attributes.get("alpha", 1.0))
    addend = node.weights(2)
    if addend is None:
        return _dense(node, x, rows, None)
    scaled = addend.array * REAL.type(node.attributes.get("beta", 1.0))
    shape = (x.shape[0], rows.shape[0])
    if scaled.ndim > 2 or any(d not in (1, full) for d, full in zip(scaled.shape[::-1], shape[::-1], strict=False)):
        raise ColonnadeError(f"input 2 of shape {list(scaled.shape)} does not broadcast to {list(shape)}")
    if scaled.ndim < 2 or scaled.shape[0] == 1:
        return _dense(node, x, rows, np.broadcast_to(scaled.reshape(-1), (rows.shape[0],)))
    product = _dense(node, x, rows, None)
    return node.emit(Binary("add"), [product, np.broadcast_to(scaled, shape)], shape)


@operator("MatMul", limits="rank 2, by a constant")
def matmul(node: SourceNode) -> Value:
    return _dense(node, node.tensor(0, rank=2), node.required_weights(1, rank=2).array.T, None)


def _dense(node: SourceNode, x: Tensor, rows: np.ndarray, bias: np.ndarray | None) -> Tensor:
    if rows.shape[1] != x.shape[1]:
        raise ColonnadeError(f"input {list(x.shape)} does not fit weights for {rows.shape[1]} features")
    bias = np.zeros(rows.shape[0], REAL) if bias is None else bias
    return node.emit(Dense(), [x, rows, bias], (x.shape[0], rows.shape[0]))
