"""Fully connected layers."""

from __future__ import annotations

import numpy as np

from colonnade.graph.ir import Dense, Node
from colonnade.kernels.arithmetic import ARITHMETICS, arithmetic_for
from colonnade.kernels.shapes import Shape, shapes
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.table import lowers
from colonnade.plan.ways.step_fields import activation_fields
from colonnade.target.targets import Target


@lowers(Dense)
def dense(to: Lowering, node: Node, op: Dense) -> None:
    x_name, w_name, b_name = node.inputs
    batch, columns = to.graph.shape(x_name)
    shape = dense_shape(to.target, batch)
    arithmetic = arithmetic_for(to.graph.element(x_name), to.graph.element(node.output))
    width = shape.vectors * arithmetic.lanes(to.target.vector_bytes)
    weights, bias = to.graph.constants[w_name], to.graph.constants[b_name]
    outputs = weights.shape[0]
    strips = -(-outputs // width)
    padded = np.zeros((strips * width, columns), weights.dtype)
    padded[:outputs] = weights
    constants = to.program.constants
    x = to.read(x_name, "cn")
    to.emit(
        "dense",
        node.name,
        {"x": x, "y": to.write(node, "plain")},
        weights=constants.add(padded.reshape(strips, width, columns).transpose(0, 2, 1), arithmetic.weights),
        bias=constants.add(np.pad(bias, (0, strips * width - outputs)), arithmetic.sums),
        off_table=constants.add_ints(np.arange(columns, dtype=np.int64) * width * arithmetic.weights.bytes),
        arithmetic=ARITHMETICS.index(arithmetic),
        columns=columns,
        batch=batch,
        outputs=outputs,
        vectors=shape.vectors,
        chunk=shape.rows,
        **activation_fields(op.act),
    )


def dense_shape(target: Target, batch: int) -> Shape:
    """Micro-kernel of a fully connected layer: T rows of the batch at once, as many vectors of outputs as fit."""
    fitting = [shape for shape in shapes(target.isa) if shape.rows <= batch]
    return max(fitting, key=lambda shape: (min(shape.rows, 4), shape.rows * shape.vectors, shape.vectors))
