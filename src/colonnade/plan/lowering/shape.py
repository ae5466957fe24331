"""Operators that move or join values: copies, and views where nothing has to move."""

from __future__ import annotations

from colonnade.graph.ir import Concat, Node, Pad, Reshape, Transpose
from colonnade.modelfile.program import elements_of
from colonnade.plan.copy import Strided, dense, row_major
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.places import Order, swapped
from colonnade.plan.lowering.table import lowers


@lowers(Concat)
def concat(to: Lowering, node: Node, op: Concat) -> None:
    """Parts not made in place are copied; along other axes than the channels all are."""
    axis, shape = op.axis, to.graph.shape(node.output)
    order: Order = "cn" if axis == 1 else "plain"
    whole = to.write(node, order)
    stored_axis = 0 if axis == 1 else axis
    strides = row_major(swapped(shape) if order == "cn" else shape)
    at = 0
    for part in node.inputs:
        part_shape = to.graph.shape(part)
        part_stored = swapped(part_shape) if order == "cn" else part_shape
        target = whole.shifted(at * strides[stored_axis])
        source = to.read(part, order)
        if source != target:
            to.copy(f"{node.name}:{part}", part_stored, dense(source, part_stored), Strided(target, strides))
        at += part_stored[stored_axis]


@lowers(Pad)
def pad(to: Lowering, node: Node, op: Pad) -> None:
    stored = swapped(to.graph.shape(node.inputs[0]))
    padded = swapped(to.graph.shape(node.output))
    x, y = to.read(node.inputs[0], "cn"), to.write(node, "cn")
    strides = row_major(padded)
    top, left = op.pads[:2]
    to.emit("fill", f"{node.name}:border", {"y": y}, count=elements_of(padded), value=op.value)
    inside = y.shifted(top * strides[2] + left)
    to.copy(node.name, stored, dense(x, stored), Strided(inside, strides))


@lowers(Reshape)
def reshape(to: Lowering, node: Node, op: Reshape) -> None:
    """The same bytes: in `cn` order when only what follows the first two axes changes, else in `plain`."""
    source, shape = to.graph.shape(node.inputs[0]), to.graph.shape(node.output)
    keeps = len(source) >= 2 and len(shape) >= 2 and source[:2] == shape[:2]
    order: Order = "cn" if keeps and to.places.known(node.inputs[0], "cn") is not None else "plain"
    view = to.read(node.inputs[0], order)
    if node.output in to.graph.outputs or to.places.is_slice(node.output):
        flat = (elements_of(shape),)
        to.copy(node.name, flat, dense(view, flat), dense(to.write(node, order), flat))
    else:
        to.places.bind(node.output, order, view)


@lowers(Transpose)
def transpose(to: Lowering, node: Node, op: Transpose) -> None:
    strides = row_major(to.graph.shape(node.inputs[0]))
    walked = tuple(strides[axis] for axis in op.perm)
    source, shape = Strided(to.read(node.inputs[0], "plain"), walked), to.graph.shape(node.output)
    to.copy(node.name, shape, source, dense(to.write(node, "plain"), shape))
