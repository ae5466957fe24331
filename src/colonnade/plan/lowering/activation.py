"""Functions of one variable."""

from __future__ import annotations

from colonnade.graph.ir import Act, Node
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.maps import emit_map
from colonnade.plan.lowering.table import lowers


@lowers(Act)
def act(to: Lowering, node: Node, op: Act) -> None:
    emit_map(to, node, "x0", node.inputs, op.act)
