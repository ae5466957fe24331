"""Element-wise arithmetic."""

from __future__ import annotations

from colonnade.graph.ir import Affine, Binary, Map, Node
from colonnade.modelfile.program import elements_of
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.maps import emit_map
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
    emit_map(to, node, "x0 + x1" if op.kind == "add" else "x0 * x1", node.inputs, op.act)


@lowers(Map)
def map_(to: Lowering, node: Node, op: Map) -> None:
    emit_map(to, node, op.formula, node.inputs)
