"""Whole numbers with scales: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.folding.elementwise import saturated
from colonnade.graph.folding.node import Operation, folds
from colonnade.graph.onnx_node import normalize_axis
from colonnade.graph.tensors import dtype_of, shape_text

WIDE = np.dtype(np.float64)


@folds("DequantizeLinear")
def dequantize(operation: Operation) -> np.ndarray:
    """(x - zero point) * scale, in the type of the scale unless another is named (opset 23 and newer)."""
    x, scale = operation.array(0), operation.array(1)
    named = operation.integer("output_dtype", 0)
    dtype = dtype_of(named) if named else scale.dtype
    operation.reserve(x.shape, WIDE)
    zero = operation.operand(2)
    values = x.astype(np.float64)
    if zero is not None:
        values -= _spread(operation, zero).astype(np.float64)
    return np.asarray(values * _spread(operation, scale).astype(np.float64)).astype(dtype)


@folds("QuantizeLinear")
def quantize(operation: Operation) -> np.ndarray:
    """round(x / scale) + zero point, to even, within the range of the zero point's type."""
    x, scale, zero = operation.array(0), operation.array(1), operation.operand(2)
    named = operation.integer("output_dtype", 0)
    dtype = zero.dtype if zero is not None else dtype_of(named) if named else np.dtype(np.uint8)
    operation.reserve(x.shape, WIDE)
    precision = operation.integer("precision", 0)
    kind = dtype_of(precision) if precision else np.dtype(np.float32)
    values = np.asarray(x.astype(kind) / _spread(operation, scale).astype(kind), np.float64)
    offset = 0.0 if zero is None else _spread(operation, zero).astype(np.float64)
    if _is_float(dtype):
        values = values + offset
        return saturated(values, dtype) if operation.integer("saturate", 1) else values.astype(dtype)
    low, high = _range(dtype)
    return np.clip(np.rint(values) + offset, low, high).astype(np.int64).astype(dtype)


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype.name.startswith("float")


def _range(dtype: np.dtype) -> tuple[int, int]:
    import ml_dtypes

    try:
        limits = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
    except ValueError:
        raise ColonnadeError(f"quantisation to {dtype} is not supported") from None
    return int(limits.min), int(limits.max)


def _spread(operation: Operation, parameter: np.ndarray) -> np.ndarray:
    """Scales or zero points as they broadcast to the data: one for all, one for each place on an axis (opset 13 and
    newer), or one for each block of an axis (opset 21 and newer)."""
    x = operation.array(0)
    if parameter.size == 1 and parameter.ndim < 2:
        return parameter.reshape(())
    axis, block = operation.integer("axis", 1), operation.integer("block_size", 0)
    axis = normalize_axis(axis, x.ndim)
    if parameter.ndim == 1 and parameter.shape == (x.shape[axis],):
        return parameter.reshape(-1, *(1,) * (x.ndim - axis - 1))
    blocks = -(-x.shape[axis] // block) if block > 0 else 0
    if not blocks or parameter.shape != (*x.shape[:axis], blocks, *x.shape[axis + 1 :]):
        raise ColonnadeError(f"scales of shape {shape_text(parameter.shape)} do not fit {shape_text(x.shape)}")
    operation.reserve(x.shape, parameter.dtype)
    return parameter.take(np.arange(x.shape[axis]) // block, axis)


@folds("DynamicQuantizeLinear")
def dynamic_quantize(operation: Operation) -> list[np.ndarray]:
    """Scale and zero point follow from the least and the largest element, and 0."""
    x = operation.array()
    operation.reserve(x.shape, WIDE)
    low, high = (x.dtype.type(v) for v in (x.min(initial=0), x.max(initial=0)))
    scale = np.asarray((high - low) / x.dtype.type(255))
    if not scale:
        scale = np.ones_like(scale)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    values = np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8)
    return [values, scale, np.asarray(zero, np.uint8)]
