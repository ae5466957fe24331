"""Computes a node whose operands are all constants.

An operator that works on shapes, masks, places or whole numbers has a function in this folder. Every other one that
the importer reads is computed as the graph would: its function in `onnx_ops/` emits graph nodes, and the oracle runs
them. So no operator has a meaning of its own here if the graph says it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from colonnade.errors import ColonnadeError, first_line
from colonnade.graph.folding.node import Operation, fold_of, is_spread
from colonnade.graph.ir import REAL, Node
from colonnade.graph.onnx_node import Builder, Constant, Reader, SourceNode, Tensor, Value, reader_of
from colonnade.graph.reference import run_op

REALS = ("float16", "bfloat16", "float32", "float64")


def is_foldable(op_type: str) -> bool:
    """Whether nodes of this operator of the default domain can be computed at import."""
    return fold_of(op_type) is not None or reader_of(op_type) is not None


def fold(operation: Operation) -> list[np.ndarray]:
    """The outputs of a node, at least one, each an array of its own in row-major order or spread, or an operand itself.

    ColonnadeError for operands that do not fit, and for results that are too large.
    """
    function, read = fold_of(operation.op_type), reader_of(operation.op_type)
    operation = _stored(operation)
    try:
        with np.errstate(all="ignore"):
            if function is not None:
                made = function(operation)
            else:
                assert read is not None
                made = _by_reader(operation, read)
            results = [made] if isinstance(made, np.ndarray) else list(made)
            return [_settled(operation, result) for result in results]
    except ColonnadeError:
        raise
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        # numpy says by many exceptions that shapes or types do not fit.
        raise ColonnadeError(f"its constant inputs cannot be evaluated: {first_line(error)}") from error


def _stored(operation: Operation) -> Operation:
    """The operation with operands that store all their elements, unless it does not look at them."""
    if operation.op_type in ("Shape", "Size", "Identity"):
        return operation
    operands = list(operation.operands)
    for i, array in enumerate(operands):
        if array is not None:
            operation.budget.charge(array.nbytes)
            if is_spread(array):
                operation.reserve(array.shape, array.dtype)
                operands[i] = array.copy()
    return replace(operation, operands=tuple(operands))


def _settled(operation: Operation, result: np.ndarray) -> np.ndarray:
    """The result in row-major order, or spread. A part of an operand is copied, so that it does not keep all of it
    alive."""
    if is_spread(result):
        return result
    for operand in operation.operands:
        if operand is not None and np.may_share_memory(operand, result):
            if result.nbytes == operand.nbytes and result.flags.c_contiguous:
                return result
            operation.reserve(result.shape, result.dtype)
            return result.copy()
    if not result.flags.c_contiguous:
        operation.reserve(result.shape, result.dtype)
    return np.asarray(result, order="C")


def _by_reader(operation: Operation, read: Reader) -> list[np.ndarray]:
    """Bind the first operand as if the network computed it, and run what is emitted."""
    operands = [None if array is None else _real(operation, array) for array in operation.operands]
    if not operands or operands[0] is None:
        raise ColonnadeError("input 0 is missing")
    bound: list[Value | None] = [Tensor("x", operands[0].shape)]
    bound += [None if array is None else Constant(f"c{i}", array) for i, array in enumerate(operands[1:])]
    builder = Builder(taken={"x", *(f"c{i}" for i in range(len(operands)))})
    node = SourceNode(
        name="constant",
        op_type=operation.op_type,
        opset=operation.opset,
        operands=tuple(bound),
        attributes=operation.attributes,
        builder=builder,
        outputs=operation.outputs,
    )
    made = read(node)
    results = made if isinstance(made, tuple) else (made,)
    values = {**builder.constants, "x": operands[0]}
    for emitted in builder.nodes:
        inputs, shape = [values[name] for name in emitted.inputs], builder.shapes[emitted.output]
        _reserve(operation, emitted, inputs, shape)
        values[emitted.output] = run_op(emitted.op, inputs, shape)
    return [
        result.array if isinstance(result, Constant) else values[result.name].astype(result.dtype, copy=False)
        for result in results
    ]


def _real(operation: Operation, array: np.ndarray) -> np.ndarray:
    """Real numbers in the type that graphs compute with; anything else as it is."""
    if array.dtype == REAL or array.dtype.name not in REALS:
        return array
    operation.reserve(array.shape, REAL)
    return array.astype(REAL)


def _reserve(operation: Operation, node: Node, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> None:
    """Ask for what the oracle allocates, in float64: its inputs, with padding, its output, and windows laid out."""
    if any(array.dtype != REAL for array in inputs):
        raise ColonnadeError(f"its constant inputs are {inputs[0].dtype}; they must be {REAL}")
    pads = getattr(node.op, "pads", ())
    before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    x = inputs[0].shape
    spatial = len(before) if len(before) <= len(x) else 0
    padded = [d + b + a for d, b, a in zip(x[len(x) - spatial :], before, after, strict=False)]
    taps = math.prod(getattr(node.op, "kernel", ())) * int(getattr(node.op, "size", 1))
    if len(inputs) > 1 and inputs[1].ndim > 1:
        taps *= max(inputs[1].size // max(inputs[1].shape[0], 1), 1)
    wide = np.dtype(np.float64)
    operation.reserve([*x[: len(x) - spatial], *padded], wide)
    operation.reserve([sum(array.size for array in inputs)], wide)
    operation.reserve(shape, wide)
    operation.reserve([math.prod(d for i, d in enumerate(shape) if i != 1), taps], wide)
    operation.budget.charge(math.prod(shape) * taps)
