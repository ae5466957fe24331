"""Functions of one variable."""

from __future__ import annotations

from colonnade.graph.ir import Act, Node
from colonnade.modelfile.program import elements_of
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.table import lowers
from colonnade.plan.ways.step_fields import activation_fields


@lowers(Act)
def act(to: Lowering, node: Node, op: Act) -> None:
    order = to.any_order(node.inputs[0])
    x, y = to.read(node.inputs[0], order), to.write(node, order)
    count = elements_of(to.graph.shape(node.output))
    to.emit("unary", node.name, {"x": x, "y": y}, count=count, **activation_fields(op.act))
