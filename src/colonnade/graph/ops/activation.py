"""Element-wise functions of one variable."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import RELU, Act, Activation, Reshape, Softmax
from colonnade.graph.lowering import SourceNode, Tensor, Value, normalize_axis, operator


def _act(node: SourceNode, act: Activation) -> Tensor:
    x = node.tensor()
    return node.emit(Act(act), [x], x.shape)


@operator("Relu")
def relu(node: SourceNode) -> Value:
    return _act(node, RELU)


@operator("Clip")
def clip(node: SourceNode) -> Value:
    """Bounds are attributes before opset 11, then optional inputs."""
    return _act(node, Activation(lo=_bound(node, "min", 1, -np.inf), hi=_bound(node, "max", 2, np.inf)))


def _bound(node: SourceNode, name: str, index: int, default: float) -> float:
    if node.opset < 11:
        return float(node.attributes.get(name, default))
    bound = node.weights(index)
    if bound is None:
        return default
    if bound.array.size != 1:
        raise ColonnadeError(f"{name} has shape {list(bound.array.shape)}; it must be a scalar")
    return float(bound.array.reshape(()))


@operator("Sigmoid")
def sigmoid(node: SourceNode) -> Value:
    return _act(node, Activation("sigmoid"))


@operator("HardSigmoid")
def hard_sigmoid(node: SourceNode) -> Value:
    alpha, beta = (float(node.attributes.get(name, default)) for name, default in (("alpha", 0.2), ("beta", 0.5)))
    return _act(node, Activation("hard_sigmoid", alpha=alpha, beta=beta))


@operator("HardSwish")
def hard_swish(node: SourceNode) -> Value:
    return _act(node, Activation("hard_swish"))


@operator("Swish")
def swish(node: SourceNode) -> Value:
    """x * sigmoid(alpha * x), opset 24."""
    alpha = float(node.attributes.get("alpha", 1.0))
    if alpha != 1.0:
        raise ColonnadeError(f"attribute alpha is {alpha}; only 1 is supported")
    return _act(node, Activation("silu"))


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
