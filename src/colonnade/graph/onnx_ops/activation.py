"""Element-wise functions of one variable."""

from __future__ import annotations

import math

from colonnade.errors import ColonnadeError
from colonnade.graph.activations import ROWS, Row
from colonnade.graph.formula import literal
from colonnade.graph.ir import RELU, Act, Activation
from colonnade.graph.onnx_node import Reader, SourceNode, Tensor, Value, operator
from colonnade.graph.onnx_ops.elementwise import emit_map


def _act(node: SourceNode, act: Activation) -> Tensor:
    x = node.tensor()
    return node.emit(Act(act), [x], x.shape)


def _reader(row: Row) -> Reader:
    """Reads the ONNX operator that a row of graph/activations.py names."""

    def read(node: SourceNode) -> Value:
        given = {name: float(node.attributes.get(name, default)) for name, default in row.attributes.items()}
        return _act(node, Activation(row.name, **given))

    return read


for _row in ROWS:
    if _row.onnx:
        operator(_row.onnx)(_reader(_row))


@operator("Relu")
def relu(node: SourceNode) -> Value:
    return _act(node, RELU)


@operator("Clip", limits="bounds are constants")
def clip(node: SourceNode) -> Value:
    """Bounds are attributes before opset 11, then optional inputs."""
    return _act(node, Activation(lo=_bound(node, "min", 1, -math.inf), hi=_bound(node, "max", 2, math.inf)))


def _bound(node: SourceNode, name: str, index: int, default: float) -> float:
    if node.opset < 11:
        return float(node.attributes.get(name, default))
    bound = node.weights(index)
    if bound is None:
        return default
    if bound.array.size != 1:
        raise ColonnadeError(f"{name} has shape {list(bound.array.shape)}; it must be a scalar")
    return float(bound.array.reshape(()))


@operator("Swish")
def swish(node: SourceNode) -> Value:
    """x * sigmoid(alpha * x), opset 24."""
    alpha = float(node.attributes.get("alpha", 1.0))
    if alpha != 1.0:
        return emit_map(node, f"x0 * sigmoid({literal(alpha)} * x0)", [node.tensor()])
    return _act(node, Activation("silu"))


@operator("Gelu")
def gelu(node: SourceNode) -> Value:
    return _act(node, Activation("gelu_tanh" if node.attributes.get("approximate", "none") == "tanh" else "gelu"))
