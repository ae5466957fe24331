"""Convolutions, by the candidates that were chosen."""

from __future__ import annotations

from colonnade.graph.ir import Conv, Node
from colonnade.kernels.shapes import SLACK
from colonnade.modelfile.program import View, elements_of, room_for
from colonnade.plan.copy import dense
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.places import Order
from colonnade.plan.lowering.table import lowers
from colonnade.plan.ways.way import Operands


@lowers(Conv)
def conv(to: Lowering, node: Node, op: Conv) -> None:
    problem, candidate = to.plan.problems[node.name], to.plan.choices[node.name].candidate
    x = to.read_image(node.inputs[0])
    order = to.places.image_order(node.output)
    residual = to.read(node.inputs[3], order) if op.residual else None
    if residual is not None and _replaces(to, node, node.inputs[3], order):
        to.places.bind(node.output, order, residual)  # what has just been read is written
    y = to.write(node, order)
    in_arena = x.storage.kind == "arena"
    if candidate.reads_past(problem, in_arena) and (not in_arena or _meets(to, node, x, y)):
        x = _in_arena(to, node.inputs[0], x)
    operands = Operands(to.program.constants, x, y, residual)
    to.program.steps.append(candidate.step(problem, to.target, operands))


def _meets(to: Lowering, node: Node, x: View, y: View) -> bool:
    """Whether the bytes right after `x`, which are read although they mean nothing, are written meanwhile: as `y`,
    another slice of the same storage."""
    end = x.shifted(elements_of(to.graph.shape(node.inputs[0]))).at
    return x.storage is y.storage and x.at < y.at < end + SLACK


def _in_arena(to: Lowering, value: str, source: View) -> View:
    """A copy that strips may read past the end of, as slack follows it."""
    shape = (elements_of(to.graph.shape(value)),)
    target = View(room_for(shape[0], source.element))
    to.copy(f"{value}:copy", shape, dense(source, shape), dense(target, shape))
    return target


def _replaces(to: Lowering, node: Node, value: str, order: Order) -> bool:
    """Whether a node's output may take the memory of `value`, which it is the last to read."""
    view = to.places.known(value, order)
    ends = value not in to.graph.outputs and to.readers[value][-1] is node and node.inputs.count(value) == 1
    free = node.output not in to.graph.outputs and not to.places.is_slice(node.output)
    if not (ends and free and view is not None and view.storage.kind == "arena"):
        return False
    return not to.places.is_slice(value) and all(_is_over(to, v, node) for v in to.places.beside(value))


def _is_over(to: Lowering, value: str, node: Node) -> bool:
    """Whether nothing reads `value` from `node` on."""
    read_later = any(to.number[reader.output] >= to.number[node.output] for reader in to.readers.get(value, ()))
    return value not in to.graph.outputs and not read_later
