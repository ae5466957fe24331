"""Scales and shifts per channel move into the weights of a neighbouring convolution or dense layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from colonnade.graph.ir import REAL, Affine, Conv, Dense, Graph, Node
from colonnade.graph.passes.editor import Editor


def fold_affine_backward(graph: Graph) -> Graph:
    """s * (w x + b) + t becomes (s w) x + (s b + t). An affine of an affine is merged in the same way."""
    edit = Editor(graph)
    for node in edit.nodes():
        source = edit.producer_for_one(node.inputs[0])
        if not isinstance(node.op, Affine) or source is None or not isinstance(source.op, Conv | Dense | Affine):
            continue
        if not source.op.act.is_identity or (isinstance(source.op, Conv) and source.op.residual):
            continue
        scale, shift, weights, bias = (
            edit.constants[name].astype(np.float64) for name in (*node.inputs[1:], *source.inputs[1:])
        )
        scaled = weights * scale.reshape(-1, *(1,) * (weights.ndim - 1))
        inputs = (source.inputs[0], *_add_constants(edit, source, scaled, bias * scale + shift))
        op = replace(source.op, act=node.op.act)
        edit.put(replace(source, op=op, inputs=inputs, output=node.output))
        edit.remove(source)
    return edit.finish()


def fold_affine_forward(graph: Graph) -> Graph:
    """w (s x + t) + b becomes (w s) x + (w t + b).

    Not when there is a shift and the convolution pads: its padding is zero after the shift, not before.
    """
    edit = Editor(graph)
    for node in edit.nodes():
        source = edit.producer_for_one(node.inputs[0])
        if not isinstance(node.op, Conv | Dense) or source is None or node.inputs.count(node.inputs[0]) != 1:
            continue
        if not isinstance(source.op, Affine) or not source.op.act.is_identity:
            continue
        scale, shift = (edit.constants[name].astype(np.float64) for name in source.inputs[1:])
        if isinstance(node.op, Conv) and any(node.op.pads) and shift.any():
            continue
        weights, bias = (edit.constants[name].astype(np.float64) for name in node.inputs[1:3])
        groups = node.op.groups if isinstance(node.op, Conv) else 1
        scaled = weights * _per_weight(scale, weights, groups)
        shifts = (weights * _per_weight(shift, weights, groups)).reshape(len(bias), -1).sum(axis=1)
        constants = _add_constants(edit, node, scaled, bias + shifts)
        edit.put(replace(node, inputs=(source.inputs[0], *constants, *node.inputs[3:])))
        edit.remove(source)
    return edit.finish()


def _per_weight(channels: np.ndarray, weights: np.ndarray, groups: int) -> np.ndarray:
    """A value per input channel, shaped to broadcast against weights [Cout, Cin / groups, ...]."""
    by_group = np.repeat(channels.reshape(groups, -1), weights.shape[0] // groups, axis=0)
    return by_group.reshape(*weights.shape[:2], *(1,) * (weights.ndim - 2))


def _add_constants(edit: Editor, node: Node, weights: np.ndarray, bias: np.ndarray) -> tuple[str, str]:
    return (
        edit.constant(f"{node.name}/weights", weights.astype(REAL)),
        edit.constant(f"{node.name}/bias", bias.astype(REAL)),
    )
