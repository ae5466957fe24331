"""Conv."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL, Conv
from colonnade.graph.onnx_node import SourceNode, Value, operator
from colonnade.graph.windows import resolve_windows


@operator("Conv", limits="two-dimensional; weights and bias are constants")
def conv(node: SourceNode) -> Value:
    x = node.tensor(0, rank=4)
    weights = node.required_weights(1, rank=4)
    outputs, group_inputs, *kernel = weights.array.shape
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or outputs % groups or x.shape[1] != group_inputs * groups or 0 in weights.array.shape:
        raise ColonnadeError(
            f"weights {list(weights.array.shape)} in {groups} group(s) do not fit input {list(x.shape)}"
        )
    declared = list(node.attributes.get("kernel_shape", kernel))
    if declared != kernel:
        raise ColonnadeError(f"attribute kernel_shape is {declared} but the weights are {list(weights.array.shape)}")
    bias = node.weights(2)
    if bias is not None and bias.array.shape != (outputs,):
        raise ColonnadeError(f"bias has shape {list(bias.array.shape)}; it must be [{outputs}]")
    windows = resolve_windows(node, (kernel[0], kernel[1]), (x.shape[2], x.shape[3]))
    op = Conv(windows.strides, windows.pads, windows.dilations, groups)
    shift = np.zeros(outputs, REAL) if bias is None else bias
    return node.emit(op, [x, weights, shift], (x.shape[0], outputs, *windows.output))
