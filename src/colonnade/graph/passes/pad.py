"""Padding moves into the convolution or pool that reads it."""

from __future__ import annotations

from dataclasses import replace

from colonnade.graph.ir import Conv, Graph, Operator, Pad, Pool
from colonnade.graph.passes.editor import Editor
from colonnade.graph.passes.simplify import remove_dead_nodes


def merge_pads(graph: Graph) -> Graph:
    """Zero padding before a convolution or an average pool becomes the pads of that node."""
    edit = Editor(graph)
    for node in edit.nodes():
        source = edit.producer(node.inputs[0])
        if source is None or not isinstance(source.op, Pad):
            continue
        merged = _with_pad(node.op, source.op)
        if merged is not None:
            edit.put(replace(node, op=merged, inputs=(*source.inputs, *node.inputs[1:])))
    return remove_dead_nodes(edit.finish())


def _with_pad(op: Operator, pad: Pad) -> Operator | None:
    """The operator on the input before padding, or None when there is no such operator."""
    around = pad.plane
    if pad.value != 0 or around is None or not isinstance(op, Conv | Pool):
        return None
    pads = (op.pads[0] + around[0], op.pads[1] + around[1], op.pads[2] + around[2], op.pads[3] + around[3])
    if isinstance(op, Conv):
        return replace(op, pads=pads)
    # The zeros of the Pad count in the average; the pool's own padding must then count as well.
    all_counted = op.count_include_pad or not any(op.pads)
    small_enough = all(p < op.kernel[i % 2] for i, p in enumerate(pads))
    return replace(op, pads=pads, count_include_pad=True) if op.kind == "avg" and all_counted and small_enough else None
