"""Element-wise arithmetic."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Affine, Binary, Node
from colonnade.modelfile.program import elements_of
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.table import lowers
from colonnade.plan.ways.step_fields import activation_fields


@lowers(Affine)
def affine(to: Lowering, node: Node, op: Affine) -> None:
    x, scale, shift = node.inputs
    channels = to.graph.shape(x)[1]
    to.emit(
        "affine",
        node.name,
        {"x": to.read(x, "cn"), "y": to.write(node, "cn")},
        scale=to.add_constant(scale),
        shift=to.add_constant(shift),
        channels=channels,
        inner=elements_of(to.graph.shape(x)) // channels,
        **activation_fields(op.act),
    )


@lowers(Binary)
def binary(to: Lowering, node: Node, op: Binary) -> None:
    a, b = node.inputs
    shape = to.graph.shape(a)
    order = to.any_order(a)
    per_plane = to.graph.shape(b) == (*shape[:2], 1, 1) and shape[2:] != (1, 1)
    if b in to.graph.constants and not per_plane:
        second = to.constant(np.broadcast_to(to.graph.constants[b], shape), order)
    elif to.graph.shape(b) == shape or per_plane:
        second = to.read(b, order)
    else:
        raise ColonnadeError(f"node '{node.name}': cannot combine shapes {shape} and {to.graph.shape(b)}")
    count = elements_of(shape)
    outer = elements_of(shape[:2]) if per_plane else max((d for d in shape[:2] if count), default=1)
    to.emit(
        "binary",
        node.name,
        {"a": to.read(a, order), "b": second, "y": to.write(node, order)},
        multiply=op.kind == "mul",
        broadcast=per_plane,
        outer=outer,
        inner=count // outer,
        **activation_fields(op.act),
    )
