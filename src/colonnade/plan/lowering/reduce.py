"""Reductions over axes, and sums along one axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Node, Reduce, Resample
from colonnade.modelfile.program import elements_of
from colonnade.modelfile.steps import REDUCE_RANK, REDUCTIONS
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.places import swapped
from colonnade.plan.lowering.table import lowers


@lowers(Reduce)
def reduce(to: Lowering, node: Node, op: Reduce) -> None:
    x, shape = to.walk(node.inputs[0]), to.graph.shape(node.inputs[0])
    axes = list(zip(shape, x.strides, strict=True))
    kept = _joined(node, [axis for i, axis in enumerate(axes) if i not in op.axes])
    gone = [axis for i, axis in enumerate(axes) if i in op.axes]
    if op.kind not in ("argmax", "argmin"):
        gone.sort(key=lambda axis: -axis[1])  # their order in memory
    reduced = _joined(node, gone)
    to.emit(
        "reduce",
        node.name,
        {"x": x.view, "y": to.write(node, "plain")},
        kind=REDUCTIONS.index(op.kind),
        last=op.last,
        scale=op.scale,
        kept=kept[0],
        kept_strides=kept[1],
        reduced=reduced[0],
        reduced_strides=reduced[1],
    )


def _joined(node: Node, axes: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and strides of REDUCE_RANK axes: without those of one element, neighbours joined, ones in front."""
    found: list[tuple[int, int]] = []
    for size, stride in axes:
        if size > 1 and found and found[-1][1] == size * stride:
            found[-1] = (found[-1][0] * size, stride)
        elif size > 1:
            found.append((size, stride))
    if len(found) > REDUCE_RANK:
        raise ColonnadeError(f"node '{node.name}': a reduction of {len(found)} separate axes is not supported")
    found = [(1, 0)] * (REDUCE_RANK - len(found)) + found
    return tuple(size for size, _ in found), tuple(stride for _, stride in found)


@lowers(Resample)
def resample(to: Lowering, node: Node, op: Resample) -> None:
    order = to.any_order(node.inputs[0])
    x, y = to.read(node.inputs[0], order), to.write(node, order)
    source, shape, axis = to.graph.shape(node.inputs[0]), to.graph.shape(node.output), op.axis
    if order == "cn" and len(shape) >= 2:
        source, shape, axis = swapped(source), swapped(shape), {0: 1, 1: 0}.get(axis, axis)
    element = to.graph.element(node.inputs[0])
    to.emit(
        "resample",
        node.name,
        {"x": x, "y": y},
        indices=to.program.constants.add_ints(np.asarray(op.indices)),
        weights=to.program.constants.add(np.asarray(op.weights, element.dtype), element),
        outer=elements_of(shape[:axis]),
        x_count=source[axis],
        y_count=shape[axis],
        taps=len(op.indices[0]),
        inner=elements_of(shape[axis + 1 :]),
    )
