"""Passes that remove nodes which do nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from colonnade.graph.ir import Act, Affine, Expand, GlobalPool, Graph, Node, Pad, Pool, Reshape, Slice, Transpose
from colonnade.graph.passes.editor import Editor


def drop_identities(graph: Graph) -> Graph:
    """Readers of a node that copies its input read that input."""
    edit = Editor(graph)
    for node in edit.nodes():
        if _is_identity(edit, node):
            edit.bypass(node, node.inputs[0])
    return edit.finish()


def _is_identity(edit: Editor, node: Node) -> bool:
    same_shape = edit.shape(node.inputs[0]) == edit.shape(node.output)
    match node.op:
        case Act(act):
            return act.is_identity
        case Affine(act):
            scale, shift = (edit.constants[name] for name in node.inputs[1:])
            return act.is_identity and bool(np.all(scale == 1) and np.all(shift == 0))
        case Reshape() | Pad() | GlobalPool() | Slice() | Expand():
            return same_shape
        case Transpose(perm):
            return perm == tuple(range(len(perm)))
        case Pool(kernel=kernel):
            return kernel == (1, 1) and same_shape
    return False


def merge_reshapes(graph: Graph) -> Graph:
    """A reshape of a reshape reads the first one's input; a transpose that moves no element becomes a reshape."""
    edit = Editor(graph)
    for node in edit.nodes():
        if not (isinstance(node.op, Reshape) or _moves_nothing(edit, node)):
            continue
        source = edit.producer(node.inputs[0])
        inputs = source.inputs if source is not None and isinstance(source.op, Reshape) else node.inputs
        edit.put(replace(node, op=Reshape(), inputs=inputs))
    return remove_dead_nodes(edit.finish())


def _moves_nothing(edit: Editor, node: Node) -> bool:
    """Whether a transpose keeps the order of all axes longer than 1."""
    if not isinstance(node.op, Transpose):
        return False
    shape = edit.shape(node.inputs[0])
    long_axes = [axis for axis in node.op.perm if shape[axis] > 1]
    return long_axes == sorted(long_axes)


def remove_dead_nodes(graph: Graph) -> Graph:
    """Keep only what the outputs need."""
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.output in needed:
            kept.append(node)
            needed.update(node.inputs)
    needed.update(graph.inputs)
    return replace(
        graph,
        nodes=tuple(reversed(kept)),
        constants={name: array for name, array in graph.constants.items() if name in needed},
        shapes={name: shape for name, shape in graph.shapes.items() if name in needed},
    )
