"""The map step: a formula of every element, of inputs wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import IDENTITY, Activation, Node
from colonnade.graph.map_code import MAX_INPUTS, assemble
from colonnade.modelfile.records import MAX_RANK
from colonnade.plan.copy import Strided
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.places import Order

_VIEWS = "abcd"


def emit_map(to: Lowering, node: Node, formula: str, inputs: Sequence[str], act: Activation = IDENTITY) -> None:
    """Append the step that computes `formula` of the `inputs` x0, x1 ..., and then `act`, into the node's output.
    Inputs that are no constants are read in the order in which they are at hand, and the output is made in that of the
    first of them as large as it."""
    shape = to.graph.shape(node.output)
    code = assemble(act.after(formula), len(inputs))
    if len(inputs) > MAX_INPUTS or not code.fits:
        raise ColonnadeError(f"node '{node.name}': its formula is too long")
    first = next((name for name in inputs if to.graph.shape(name) == shape and name not in to.graph.constants), None)
    order: Order = "cn" if first is not None and to.any_order(first) == "cn" and len(shape) > 1 else "plain"
    sources = [_source(to, name, shape) for name in inputs]
    target = to.places.walked(node.output, order, to.write(node, order))
    dims, strides = _merged(shape, [*sources, target])
    if len(dims) > MAX_RANK:
        raise ColonnadeError(f"node '{node.name}': its operands are laid out in {len(dims)} dimensions; {MAX_RANK} fit")
    names = [*_VIEWS[: len(inputs)], "y"]
    fill = MAX_RANK - len(dims)
    fields: dict[str, object] = {f"{name}_strides": (0,) * MAX_RANK for name in _VIEWS}
    fields |= {f"{name}_strides": ((0,) * fill + of) for name, of in zip(names, strides, strict=True)}
    views = dict.fromkeys(_VIEWS) | {name: walked.view for name, walked in zip(names, [*sources, target], strict=True)}
    element = to.graph.element(node.output)
    to.emit(
        "map",
        node.name,
        views,
        dims=(1,) * fill + dims,
        constants=to.program.constants.add(np.asarray(code.constants, element.dtype), element),
        code=to.program.constants.add_ints(np.asarray(code.instructions)),
        inputs=len(inputs),
        constant_count=len(code.constants),
        registers=code.registers,
        instructions=len(code.instructions),
        **fields,
    )


def _source(to: Lowering, name: str, shape: tuple[int, ...]) -> Strided:
    """An input, walked along the axes of the output's `shape`; those that it is broadcast along have stride 0."""
    own = to.graph.shape(name)
    walked = to.walk(name)
    lacking = len(shape) - len(own)
    strides = (0 if size == 1 else stride for size, stride in zip(own, walked.strides, strict=True))
    return Strided(walked.view, (*(0,) * lacking, *strides))


def _merged(shape: tuple[int, ...], operands: Sequence[Strided]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Sizes, and strides of each operand, in the order in which the last operand lies in memory: without axes of one
    element, and neighbours joined where all operands allow it."""
    axes: list[tuple[int, ...]] = []  # (size, a stride for each operand)
    by_place = sorted(range(len(shape)), key=lambda axis: -operands[-1].strides[axis])
    for axis in by_place:
        size, strides = shape[axis], [operand.strides[axis] for operand in operands]
        if size == 1:
            continue
        if axes and all(before == size * stride for before, stride in zip(axes[-1][1:], strides, strict=True)):
            axes[-1] = (axes[-1][0] * size, *strides)
        else:
            axes.append((size, *strides))
    sizes, *columns = zip(*(axes or [(1, *(0 for _ in operands))]), strict=True)
    return tuple(sizes), [tuple(column) for column in columns]
