"""Operators that make values from nothing, or from a shape."""

from __future__ import annotations

import math

import numpy as np
import onnx

from colonnade.errors import ColonnadeError
from colonnade.graph.folding.node import Operation, folds, integer_list, same_type, spread
from colonnade.graph.tensors import dtype_of, read_tensor


@folds("Constant")
def constant(operation: Operation) -> np.ndarray:
    """One attribute holds the value."""
    given = [(name, value) for name, value in operation.attributes.items() if name.startswith(("value", "sparse"))]
    if len(given) != 1:
        raise ColonnadeError(f"it has {len(given)} values; it must have one")
    [(name, value)] = given
    match name:
        case "value":
            return _array(name, value)
        case "sparse_value":
            return _dense(operation, value)
        case "value_float" | "value_floats":
            return np.asarray(value, np.float32)
        case "value_int" | "value_ints":
            return np.asarray(value, np.int64)
        case "value_string" | "value_strings":
            return np.asarray(value, object)
    raise ColonnadeError(f"attribute {name} is unknown")


def _array(name: str, value: object) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise ColonnadeError(f"attribute {name} is not a tensor")
    return value


def _dense(operation: Operation, sparse: onnx.SparseTensorProto) -> np.ndarray:
    """Indices are positions in the flat array, [NNZ], or one position per axis, [NNZ, rank]."""
    values, indices, shape = read_tensor(sparse.values), read_tensor(sparse.indices), tuple(sparse.dims)
    operation.reserve(shape, values.dtype)
    array = np.zeros(shape, values.dtype)
    if indices.ndim == 1:
        array.reshape(-1)[indices] = values
    else:
        array[tuple(indices.T)] = values
    return array


@folds("ConstantOfShape")
def constant_of_shape(operation: Operation) -> np.ndarray:
    value = _array("value", operation.attributes.get("value", np.zeros(1, np.float32)))
    if value.size != 1:
        raise ColonnadeError(f"attribute value has {value.size} elements; it must have one")
    return spread(value.reshape(()), integer_list(operation.array()))


@folds("Range")
def range_(operation: Operation) -> np.ndarray:
    """start, start + delta ... below the limit."""
    same_type(*operation.arrays())
    start, limit, delta = (operation.scalar(i) for i in range(3))
    dtype = operation.array().dtype
    if delta == 0 or not all(math.isfinite(value) for value in (start, limit, delta)):
        raise ColonnadeError(f"a range from {start} to {limit} in steps of {delta} is not possible")
    count = -((start - limit) // delta) if dtype.kind in "iu" else math.ceil((limit - start) / delta)
    count = max(count, 0)
    operation.reserve((count,), np.dtype(np.float64))
    if dtype.kind in "iu":
        return np.asarray(np.arange(count, dtype=dtype) * np.asarray(delta, dtype) + np.asarray(start, dtype))
    return np.asarray((np.arange(count) * delta + start).astype(dtype))


@folds("EyeLike")
def eye_like(operation: Operation) -> np.ndarray:
    x = operation.array()
    if x.ndim != 2:
        raise ColonnadeError(f"input 0 has rank {x.ndim}; it must have 2")
    dtype = dtype_of(operation.integer("dtype", 0)) if "dtype" in operation.attributes else x.dtype
    operation.reserve(x.shape, dtype)
    diagonal = min(max(operation.integer("k", 0), -x.shape[0]), x.shape[1])
    return np.eye(x.shape[0], x.shape[1], k=diagonal, dtype=dtype)


@folds("Shape")
def shape(operation: Operation) -> np.ndarray:
    window = slice(operation.integer("start", 0), operation.attributes.get("end"))
    return np.asarray(operation.array().shape[window], np.int64)


@folds("Size")
def size(operation: Operation) -> np.ndarray:
    return np.asarray(operation.array().size, np.int64)
