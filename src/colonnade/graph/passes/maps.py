"""Element-wise operators that follow one another become one formula, computed in one pass over memory."""

from __future__ import annotations

from colonnade.graph.formula import substitute
from colonnade.graph.ir import Act, Binary, Graph, Map, Node, Operator
from colonnade.graph.map_code import MAX_INPUTS, assemble
from colonnade.graph.passes.editor import Editor


def fuse_maps(graph: Graph) -> Graph:
    """A map whose input is a map that nothing else reads takes its formula into its own, if their shapes are equal, so
    that nothing is computed twice, and if one step can run it."""
    edit = Editor(graph)
    for node in edit.nodes():
        merged = _merged(edit, node)
        while merged is not None:
            node, source = merged
            edit.put(node)
            edit.remove(source)
            merged = _merged(edit, node)
    return edit.finish()


def _merged(edit: Editor, node: Node) -> tuple[Node, Node] | None:
    """The node with one of its inputs computed by itself, and the node that made that input."""
    formula = _formula(node.op)
    if formula is None:
        return None
    for value in dict.fromkeys(node.inputs):
        source = edit.producer_for_one(value)
        inner = None if source is None else _formula(source.op)
        if source is None or inner is None or edit.shape(value) != edit.shape(node.output):
            continue
        inputs = tuple(dict.fromkeys(v for name in node.inputs for v in (source.inputs if name == value else (name,))))
        place = {name: f"x{i}" for i, name in enumerate(inputs)}
        inside = substitute(inner, {f"x{i}": place[name] for i, name in enumerate(source.inputs)})
        names = {f"x{i}": inside if name == value else place[name] for i, name in enumerate(node.inputs)}
        whole = substitute(formula, names)
        if len(inputs) <= MAX_INPUTS and assemble(whole, len(inputs)).fits:
            return Node(node.name, Map(whole), inputs, node.output), source
    return None


def _formula(op: Operator) -> str | None:
    """What an element-wise operator computes of x0, x1 ...; None for every other operator."""
    match op:
        case Act(act):
            return act.after("x0")
        case Binary(kind, act):
            return act.after("x0 + x1" if kind == "add" else "x0 * x1")
        case Map(formula):
            return formula
    return None
