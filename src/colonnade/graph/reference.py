"""Runs a graph in plain numpy: the oracle that passes and kernels are checked against.

What an operator computes is said in its class (graph/operators/). Values have the types that operators say;
convolutions, dense layers, averages and normalisations accumulate in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from colonnade.elements import element_of_dtype
from colonnade.graph.ir import Conv, Graph, Operator


def run_reference(graph: Graph, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs of the graph, by name. `feeds` gives every input, in the graph's shape."""
    values: dict[str, np.ndarray] = dict(graph.constants)
    for name in graph.inputs:
        if feeds[name].shape != graph.shapes[name]:
            raise ValueError(f"input '{name}' has shape {feeds[name].shape}; it must be {graph.shapes[name]}")
        values[name] = np.asarray(feeds[name], dtype=graph.element(name).dtype)
    readers_left = {value: len(nodes) for value, nodes in graph.consumers().items()}
    for node in graph.nodes:
        shape = graph.shapes[node.output]
        result = run_op(node.op, [values[name] for name in node.inputs], shape)
        if result.shape != shape:
            raise ValueError(f"node '{node.name}' made shape {result.shape}; the graph says {shape}")
        values[node.output] = result
        for name in dict.fromkeys(node.inputs):
            readers_left[name] -= 1
            if not readers_left[name] and name not in graph.outputs:
                del values[name]
    return {name: values[name] for name in graph.outputs}


def run_op(op: Operator, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """One operator on its inputs; `shape`: of its output."""
    result = op.run(inputs, shape)
    element = op.element([element_of_dtype(x.dtype) for x in inputs])
    return np.ascontiguousarray(result, element.dtype).reshape(result.shape)


def conv2d(x: np.ndarray, w: np.ndarray, b: np.ndarray, op: Conv, residual: np.ndarray | None = None) -> np.ndarray:
    """act(conv(x, w) + b [+ residual]). x [N,Cin,H,W], w [Cout,Cin/groups,kh,kw], b [Cout]."""
    return op.run([x, w, b] if residual is None else [x, w, b, residual], ())
