"""Operators that move or join values: copies, and views where nothing has to move."""

from __future__ import annotations

import numpy as np

from colonnade.graph.ir import Concat, Expand, Gather, Node, Pad, Reshape, Slice, Transpose
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
    """`value` everywhere, and then the input in the middle."""
    order = to.any_order(node.inputs[0])
    y = to.write(node, order)
    to.emit("fill", f"{node.name}:border", {"y": y}, count=elements_of(to.graph.shape(node.output)), value=op.value)
    whole = to.places.walked(node.output, order, y)
    inside = whole.view.shifted(sum(n * stride for n, stride in zip(op.before, whole.strides, strict=True)))
    to.copy(node.name, to.graph.shape(node.inputs[0]), to.walk(node.inputs[0]), Strided(inside, whole.strides))


@lowers(Slice)
def slice_(to: Lowering, node: Node, op: Slice) -> None:
    """A view where the elements lie side by side as they are, as a range of channels does; else a copy."""
    x = to.walk(node.inputs[0])
    at = sum(start * stride for start, stride in zip(op.starts, x.strides, strict=True))
    strides = tuple(stride * step for stride, step in zip(x.strides, op.steps, strict=True))
    to.take(node, Strided(x.view.shifted(at), strides))


@lowers(Expand)
def expand(to: Lowering, node: Node, op: Expand) -> None:
    x, own = to.walk(node.inputs[0]), to.graph.shape(node.inputs[0])
    strides = tuple(0 if size == 1 else stride for size, stride in zip(own, x.strides, strict=True))
    to.take(node, Strided(x.view, strides))


@lowers(Transpose)
def transpose(to: Lowering, node: Node, op: Transpose) -> None:
    x = to.walk(node.inputs[0])
    to.take(node, Strided(x.view, tuple(x.strides[axis] for axis in op.perm)))


@lowers(Gather)
def gather(to: Lowering, node: Node, op: Gather) -> None:
    """Along the axis the elements of a table; everything before and after it as in dense data."""
    order = to.any_order(node.inputs[0])
    x, y = to.read(node.inputs[0], order), to.write(node, order)
    source, shape = to.graph.shape(node.inputs[0]), to.graph.shape(node.output)
    axis = op.axis
    if order == "cn" and len(shape) >= 2:
        source, shape, axis = swapped(source), swapped(shape), {0: 1, 1: 0}.get(axis, axis)
    to.emit(
        "gather",
        node.name,
        {"x": x, "y": y},
        indices=to.program.constants.add_ints(np.asarray(op.indices)),
        outer=elements_of(shape[:axis]),
        x_count=source[axis],
        y_count=shape[axis],
        inner=elements_of(shape[axis + 1 :]),
        fill=op.fill,
    )


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
