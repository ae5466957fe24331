"""Normalisations with stored statistics, or those of neighbours."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import LRN, REAL, Affine, Reshape, Softmax
from colonnade.graph.onnx_node import SourceNode, Value, normalize_axis, operator

MAX_LRN_SIZE = 2**14


@operator("BatchNormalization", limits="inference; statistics are constants")
def batch_normalization(node: SourceNode) -> Value:
    """y = (x - mean) / sqrt(var + epsilon) * scale + bias, per channel."""
    x = node.tensor(0)
    # Before opset 14 a node is in training mode if it has the outputs of that: running and batch statistics.
    training = node.attributes.get("training_mode", 0) if node.opset >= 14 else node.outputs > 1
    if training or not node.attributes.get("spatial", 1):
        raise ColonnadeError("only inference over channels is supported; export the model in evaluation mode")
    if len(x.shape) < 2:
        raise ColonnadeError(f"input 0 has shape {list(x.shape)}; it needs a channel axis")
    scale, bias, mean, var = (node.required_weights(i).array.astype(np.float64) for i in (1, 2, 3, 4))
    if any(array.shape != (x.shape[1],) for array in (scale, bias, mean, var)):
        raise ColonnadeError(f"scale, bias, mean and variance must each have shape [{x.shape[1]}]")
    factor = scale / np.sqrt(var + float(node.attributes.get("epsilon", 1e-5)))
    shift = bias - mean * factor
    return node.emit(Affine(), [x, factor.astype(REAL), shift.astype(REAL)], x.shape)


@operator("LRN", limits="rank 4, odd size")
def lrn(node: SourceNode) -> Value:
    x = node.tensor(0, rank=4)
    parameters = {name: float(node.attributes[name]) for name in ("alpha", "beta", "bias") if name in node.attributes}
    size = int(node.attributes["size"])
    if not 1 <= size <= MAX_LRN_SIZE or size % 2 == 0:  # ONNX Runtime refuses even sizes, so nothing is known of them
        raise ColonnadeError(f"attribute size is {size}; it must be odd, and at most {MAX_LRN_SIZE}")
    return node.emit(LRN(size, **parameters), [x], x.shape)


@operator("Softmax")
def softmax(node: SourceNode) -> Value:
    """Before opset 13 the axes from `axis` on are flattened into one."""
    x = node.tensor()
    rank = len(x.shape)
    axis = normalize_axis(int(node.attributes.get("axis", 1 if node.opset < 13 else -1)), rank)
    trailing = x.shape[axis + 1 :]
    if node.opset >= 13 or all(d == 1 for d in trailing):
        return node.emit(Softmax(axis), [x], x.shape)
    rows = int(np.prod(x.shape[:axis], dtype=np.int64))
    columns = int(np.prod(x.shape[axis:], dtype=np.int64))
    flat = node.emit(Reshape(), [x], (rows, columns))
    return node.emit(Reshape(), [node.emit(Softmax(1), [flat], flat.shape)], x.shape)
