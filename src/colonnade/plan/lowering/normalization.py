"""Values divided by what others sum up to."""

from __future__ import annotations

from colonnade.graph.ir import LRN, Node, Softmax
from colonnade.modelfile.program import elements_of
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.table import lowers


@lowers(Softmax)
def softmax(to: Lowering, node: Node, op: Softmax) -> None:
    shape, axis = to.graph.shape(node.output), op.axis
    x, y = to.read(node.inputs[0], "plain"), to.write(node, "plain")
    outer, inner = elements_of(shape[:axis]), elements_of(shape[axis + 1 :])
    to.emit("softmax", node.name, {"x": x, "y": y}, outer=outer, count=shape[axis], inner=inner)


@lowers(LRN)
def lrn(to: Lowering, node: Node, op: LRN) -> None:
    shape = to.graph.shape(node.output)
    x, y = to.read(node.inputs[0], "cn"), to.write(node, "cn")
    inner = elements_of(shape) // shape[1]
    fields = {"size": op.size, "alpha": op.alpha, "beta": op.beta, "bias": op.bias}
    to.emit("lrn", node.name, {"x": x, "y": y}, channels=shape[1], inner=inner, **fields)
