"""Residual additions move into the epilogue of a convolution."""

from __future__ import annotations

from dataclasses import replace

from colonnade.graph.ir import Binary, Conv, Graph
from colonnade.graph.passes.editor import Editor


def fuse_residual_adds(graph: Graph) -> Graph:
    """act(conv(x) + r) becomes one convolution, when the sum alone reads the convolution and the shapes are equal.

    Of two such convolutions the later one takes the sum, so that the other has already run.
    """
    edit = Editor(graph)
    for node in edit.nodes():
        if not isinstance(node.op, Binary) or node.op.kind != "add":
            continue
        if any(value in edit.constants or edit.shape(value) != edit.shape(node.output) for value in node.inputs):
            continue
        first, second = node.inputs
        earlier, later = (first, second) if edit.is_before(first, second) else (second, first)
        for value, residual in ((later, earlier), (earlier, later)):
            source = edit.producer_for_one(value)
            if source is None or not isinstance(source.op, Conv) or value == residual:
                continue
            if source.op.act.is_identity and not source.op.residual:
                op = replace(source.op, residual=True, act=node.op.act)
                edit.put(replace(source, op=op, inputs=(*source.inputs, residual), output=node.output))
                edit.remove(source)
                break
    return edit.finish()
