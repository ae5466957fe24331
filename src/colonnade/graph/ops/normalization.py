"""Normalisations with stored or neighbouring statistics."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import F32, LRN, Affine
from colonnade.graph.lowering import SourceNode, Value, operator


@operator("BatchNormalization")
def batch_normalization(node: SourceNode) -> Value:
    """y = (x - mean) / sqrt(var + epsilon) * scale + bias, per channel."""
    x = node.tensor(0)
    if node.attributes.get("training_mode", 0) or not node.attributes.get("spatial", 1):
        raise ColonnadeError("only inference over channels is supported; export the model in evaluation mode")
    if len(x.shape) < 2:
        raise ColonnadeError(f"input 0 has shape {list(x.shape)}; it needs a channel axis")
    scale, bias, mean, var = (node.required_weights(i).array.astype(np.float64) for i in (1, 2, 3, 4))
    if any(array.shape != (x.shape[1],) for array in (scale, bias, mean, var)):
        raise ColonnadeError(f"scale, bias, mean and variance must each have shape [{x.shape[1]}]")
    factor = scale / np.sqrt(var + float(node.attributes.get("epsilon", 1e-5)))
    shift = bias - mean * factor
    return node.emit(Affine(), [x, factor.astype(F32), shift.astype(F32)], x.shape)


@operator("LRN")
def lrn(node: SourceNode) -> Value:
    x = node.tensor(0, rank=4)
    parameters = {name: float(node.attributes[name]) for name in ("alpha", "beta", "bias") if name in node.attributes}
    size = int(node.attributes["size"])
    if size < 1:
        raise ColonnadeError(f"attribute size is {size}; it must be positive")
    return node.emit(LRN(size, **parameters), [x], x.shape)
