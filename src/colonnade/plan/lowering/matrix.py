"""Fully connected layers, and products of two values."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Dense, MatMul, Node
from colonnade.kernels.arithmetic import ARITHMETICS, arithmetic_for
from colonnade.kernels.shapes import Shape, shapes
from colonnade.modelfile.steps import MATMUL_RANK
from colonnade.plan.copy import Strided
from colonnade.plan.lowering.context import Lowering
from colonnade.plan.lowering.table import lowers
from colonnade.plan.ways.step_fields import activation_fields
from colonnade.target.targets import Target


@lowers(Dense)
def dense(to: Lowering, node: Node, op: Dense) -> None:
    x_name, w_name, b_name = node.inputs
    batch, columns = to.graph.shape(x_name)
    shape = dense_shape(to.target, batch, to.plan.dense_vectors)
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


def dense_shape(target: Target, batch: int, vectors: int | None = None) -> Shape:
    """Micro-kernel of a fully connected layer: T rows of the batch at once, as many vectors of outputs as fit, or just
    so many."""
    fitting = [shape for shape in shapes(target.isa) if shape.rows <= batch and vectors in (None, shape.vectors)]
    return max(fitting, key=lambda shape: (min(shape.rows, 4), shape.rows * shape.vectors, shape.vectors))


@lowers(MatMul)
def matmul(to: Lowering, node: Node, op: MatMul) -> None:
    a, b = (to.walk(name) for name in node.inputs)
    shapes = [to.graph.shape(name) for name in node.inputs]
    shape = to.graph.shape(node.output)
    batches = [_batch(to.graph.shape(name), walked) for name, walked in zip(node.inputs, (a, b), strict=True)]
    if len(shape) - 2 > MATMUL_RANK:
        raise ColonnadeError(f"node '{node.name}': products of rank {len(shape)} are not supported")
    fill = MATMUL_RANK - (len(shape) - 2)
    arithmetic = arithmetic_for(to.graph.element(node.inputs[0]), to.graph.element(node.output))
    kernel = dense_shape(to.target, shape[-2])
    to.emit(
        "matmul",
        node.name,
        {"a": a.view, "b": b.view, "y": to.write(node, "plain")},
        dims=(*(1,) * fill, *shape[:-2]),
        a_strides=(*(0,) * fill, *batches[0]),
        b_strides=(*(0,) * fill, *batches[1]),
        a_row=a.strides[-2],
        a_column=a.strides[-1],
        b_row=b.strides[-2],
        b_column=b.strides[-1],
        arithmetic=ARITHMETICS.index(arithmetic),
        rows=shape[-2],
        inner=shapes[0][-1],
        columns=shape[-1],
        tile_rows=kernel.rows,
        vectors=kernel.vectors,
    )


def _batch(shape: tuple[int, ...], walked: Strided) -> tuple[int, ...]:
    """Strides from matrix to matrix; 0 along axes that are broadcast."""
    return tuple(0 if size == 1 else stride for size, stride in zip(shape[:-2], walked.strides[:-2], strict=True))
