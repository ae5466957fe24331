"""Activations: recognise those that exporters spell out, and move them into the node that makes their input."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from colonnade.graph.ir import Act, Activation, Affine, Binary, Conv, Dense, Graph, Node
from colonnade.graph.passes.editor import Editor
from colonnade.graph.passes.simplify import remove_dead_nodes


def recognise_activations(graph: Graph) -> Graph:
    """x * sigmoid(x) is silu; clamp(x + 3, 0, 6) / 6 is a hard sigmoid, and x times that a hard swish."""
    edit = Editor(graph)
    for node in edit.nodes():
        found = _gated(edit, node) or _hard_sigmoid(edit, node) or _hard_swish_scaled_last(edit, node)
        if found is not None:
            value, act = found
            edit.put(replace(node, op=Act(act), inputs=(value,)))
    return remove_dead_nodes(edit.finish())


def _gated(edit: Editor, node: Node) -> tuple[str, Activation] | None:
    """x * gate(x) for a gate that is an activation."""
    if not (isinstance(node.op, Binary) and node.op.kind == "mul" and node.op.act.is_identity):
        return None
    for x, gate in (node.inputs, node.inputs[::-1]):
        source = edit.producer(gate)
        if source is not None and isinstance(source.op, Act) and source.inputs == (x,):
            act = source.op.act
            if act.kind == "sigmoid":
                return x, Activation("silu")
            if act.kind == "hard_sigmoid" and _close(act.alpha, 1 / 6) and _close(act.beta, 0.5):
                return x, Activation("hard_swish")
    return None


class _Ramp(NamedTuple):
    """clamp(slope * x + offset, 0, top)."""

    x: str
    slope: float
    offset: float
    top: float

    def scaled(self, factor: float) -> Activation | None:
        """factor * ramp as an activation of x, if that is a hard sigmoid."""
        if not _close(self.top * factor, 1.0):
            return None
        return Activation("hard_sigmoid", alpha=self.slope * factor, beta=self.offset * factor)


def _hard_sigmoid(edit: Editor, node: Node) -> tuple[str, Activation] | None:
    """factor * ramp(x)."""
    factor = _scalar_factor(edit, node)
    ramp = _ramp(edit, node.inputs[0])
    if factor is None or ramp is None:
        return None
    act = ramp.scaled(factor)
    return None if act is None else (ramp.x, act)


def _hard_swish_scaled_last(edit: Editor, node: Node) -> tuple[str, Activation] | None:
    """factor * (x * ramp(x))."""
    factor = _scalar_factor(edit, node)
    product = edit.producer(node.inputs[0])
    if factor is None or product is None or not isinstance(product.op, Binary) or product.op.kind != "mul":
        return None
    for x, gate in (product.inputs, product.inputs[::-1]):
        ramp = _ramp(edit, gate)
        act = ramp.scaled(factor) if ramp is not None and ramp.x == x else None
        if act is not None and product.op.act.is_identity and _close(act.alpha, 1 / 6) and _close(act.beta, 0.5):
            return x, Activation("hard_swish")
    return None


def _ramp(edit: Editor, value: str) -> _Ramp | None:
    clamp = edit.producer(value)
    if clamp is None or not isinstance(clamp.op, Act) or clamp.op.act.kind != "clamp" or clamp.op.act.lo != 0:
        return None
    line = edit.producer(clamp.inputs[0])
    coefficients = None if line is None else _line(edit, line)
    if line is None or coefficients is None:
        return None
    return _Ramp(line.inputs[0], *coefficients, clamp.op.act.hi)


def _scalar_factor(edit: Editor, node: Node) -> float | None:
    coefficients = _line(edit, node)
    return coefficients[0] if coefficients is not None and coefficients[1] == 0 else None


def _line(edit: Editor, node: Node) -> tuple[float, float] | None:
    """(scale, shift) of an affine that is the same for all channels."""
    if not isinstance(node.op, Affine) or not node.op.act.is_identity:
        return None
    scale, shift = (edit.constants[name] for name in node.inputs[1:])
    uniform = np.all(scale == scale[0]) and np.all(shift == shift[0])
    return (float(scale[0]), float(shift[0])) if uniform else None


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-6)


def fuse_activations(graph: Graph) -> Graph:
    """An activation that alone reads a node becomes that node's own; a clamp of a clamp becomes one."""
    edit = Editor(graph)
    for node in edit.nodes():
        source = edit.producer_for_one(node.inputs[0])
        if not isinstance(node.op, Act) or source is None:
            continue
        if not isinstance(source.op, Conv | Dense | Affine | Binary | Act):
            continue
        act = _compose(source.op.act, node.op.act)
        if act is not None:
            edit.put(replace(source, op=replace(source.op, act=act), output=node.output))
            edit.remove(source)
    return edit.finish()


def _compose(first: Activation, second: Activation) -> Activation | None:
    """The activation equal to `second` after `first`, if there is one."""
    if first.is_identity:
        return second
    if first.kind != "clamp" or second.kind != "clamp":
        return first if second.is_identity else None
    lo, hi = (min(max(bound, second.lo), second.hi) for bound in (first.lo, first.hi))
    return Activation(lo=lo, hi=hi)
