"""Operators that read or write elements by their indices."""

from __future__ import annotations

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.folding.node import Operation, folds, integer_list, same_type
from colonnade.graph.onnx_node import normalize_axis
from colonnade.graph.tensors import shape_text

INDEX = np.dtype(np.int64)


@folds("Gather")
def gather(operation: Operation) -> np.ndarray:
    x, indices = operation.array(0), operation.array(1)
    axis = normalize_axis(operation.integer("axis", 0), x.ndim)
    operation.reserve((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)
    return np.asarray(np.take(x, indices, axis))


@folds("GatherElements")
def gather_elements(operation: Operation) -> np.ndarray:
    x, indices = operation.array(0), operation.array(1)
    axis = _element_axis(operation, x, indices)
    operation.reserve(indices.shape, x.dtype)
    within = tuple(slice(None) if i == axis else slice(d) for i, d in enumerate(indices.shape))
    return np.take_along_axis(x[within], indices, axis)


def _element_axis(operation: Operation, x: np.ndarray, indices: np.ndarray) -> int:
    axis = normalize_axis(operation.integer("axis", 0), x.ndim)
    too_large = any(d > full for i, (d, full) in enumerate(zip(indices.shape, x.shape, strict=False)) if i != axis)
    if indices.ndim != x.ndim or too_large:
        raise ColonnadeError(f"indices {shape_text(indices.shape)} do not fit data {shape_text(x.shape)}")
    return axis


@folds("GatherND")
def gather_nd(operation: Operation) -> np.ndarray:
    """The last axis of the indices holds positions in the first axes of the data, after the batch axes."""
    x, indices = operation.array(0), operation.array(1)
    batch = operation.integer("batch_dims", 0)
    depth = _index_depth(x, indices, batch)
    operation.reserve((*indices.shape[:-1], *x.shape[batch + depth :]), x.dtype)
    if not batch:
        return np.asarray(x[tuple(np.moveaxis(indices, -1, 0))])
    count = int(np.prod(x.shape[:batch]))
    flat_x, flat_indices = x.reshape(count, *x.shape[batch:]), indices.reshape(count, *indices.shape[batch:])
    images = np.arange(count).reshape(-1, *(1,) * (flat_indices.ndim - 2))
    found = flat_x[(images, *np.moveaxis(flat_indices, -1, 0))]
    return np.asarray(found).reshape(*indices.shape[:-1], *x.shape[batch + depth :])


def _index_depth(x: np.ndarray, indices: np.ndarray, batch: int = 0) -> int:
    depth = indices.shape[-1] if indices.ndim else 0
    fits = 0 <= batch < max(indices.ndim, 1) and 1 <= depth <= x.ndim - batch
    if not fits or x.shape[:batch] != indices.shape[:batch]:
        raise ColonnadeError(f"indices {shape_text(indices.shape)} do not fit data {shape_text(x.shape)}")
    return depth


@folds("ScatterND")
def scatter_nd(operation: Operation) -> np.ndarray:
    x, indices, updates = (operation.array(i) for i in range(3))
    _index_depth(x, indices)
    operation.reserve(x.shape, x.dtype)
    return _scattered(operation, x, tuple(np.moveaxis(indices, -1, 0)), updates)


@folds("Scatter", "ScatterElements")
def scatter_elements(operation: Operation) -> np.ndarray:
    x, indices, updates = (operation.array(i) for i in range(3))
    axis = _element_axis(operation, x, indices)
    operation.reserve((*indices.shape, x.ndim), INDEX)
    operation.reserve(x.shape, x.dtype)
    places: list[np.ndarray] = list(np.indices(indices.shape, sparse=True))
    places[axis] = indices
    return _scattered(operation, x, tuple(places), updates)


def _scattered(operation: Operation, x: np.ndarray, places: tuple[np.ndarray, ...], updates: np.ndarray) -> np.ndarray:
    same_type(x, updates)
    result = x.copy()
    reduction = str(operation.attributes.get("reduction", "none"))
    match reduction:
        case "none":
            result[places] = updates
        case "add":
            np.add.at(result, places, updates)
        case "mul":
            np.multiply.at(result, places, updates)
        case "max":
            np.maximum.at(result, places, updates)
        case "min":
            np.minimum.at(result, places, updates)
        case _:
            raise ColonnadeError(f"reduction '{reduction}' is unknown")
    return result


@folds("OneHot")
def one_hot(operation: Operation) -> np.ndarray:
    """values holds what is off and what is on; indices beyond the depth leave everything off."""
    indices, values = operation.array(0), operation.array(2)
    depth = int(operation.scalar(1))
    if depth < 1 or values.shape != (2,):
        raise ColonnadeError(f"depth {depth} and values of shape {shape_text(values.shape)} are not possible")
    axis = normalize_axis(operation.integer("axis", -1), indices.ndim + 1)
    shape = (*indices.shape[:axis], depth, *indices.shape[axis:])
    operation.reserve((depth,), INDEX)
    operation.reserve(shape, values.dtype)
    places = np.arange(depth).reshape(-1, *(1,) * (indices.ndim - axis))
    chosen = np.expand_dims(indices, axis)
    return np.asarray(np.where(np.where(chosen < 0, chosen + depth, chosen) == places, values[1], values[0]))


@folds("NonZero")
def non_zero(operation: Operation) -> np.ndarray:
    x = np.atleast_1d(operation.array())
    operation.reserve((x.ndim, x.size), INDEX)
    return np.asarray(np.nonzero(x), INDEX)


@folds("Compress")
def compress(operation: Operation) -> np.ndarray:
    axis = operation.attributes.get("axis")
    x, condition = operation.array(0), operation.array(1)
    return np.compress(condition.astype(bool), x, axis=None if axis is None else normalize_axis(int(axis), x.ndim))


@folds("TopK")
def top_k(operation: Operation) -> list[np.ndarray]:
    """Of equal elements those with lower indices come first. k is an attribute before opset 10."""
    x = operation.array()
    axis = normalize_axis(operation.integer("axis", -1), x.ndim)
    count = (operation.integers("k", 1, since=10) if operation.opset >= 10 else [operation.integer("k", 0)]) or [0]
    if not 0 <= count[0] <= x.shape[axis]:
        raise ColonnadeError(f"there are no {count[0]} elements along axis {axis} of {shape_text(x.shape)}")
    operation.reserve(x.shape, INDEX)
    if operation.integer("largest", 1):
        backwards = np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
        order = x.shape[axis] - 1 - backwards
    else:
        order = np.argsort(x, axis, kind="stable")
    best = order.take(range(count[0]), axis).astype(INDEX)
    return [np.take_along_axis(x, best, axis), best]


@folds("Unique")
def unique(operation: Operation) -> list[np.ndarray]:
    """The elements, or slices along an axis, each once; where each first is; what each became; how often it is."""
    x, axis = operation.array(), operation.attributes.get("axis")
    operation.reserve((4, x.size), INDEX)
    if axis is not None:
        axis = normalize_axis(int(axis), x.ndim)
    values, first, inverse, counts = np.unique(x, True, True, True, axis=axis)
    if not operation.integer("sorted", 1):
        order = np.argsort(first)
        values = values.take(order, 0 if axis is None else axis)
        first, counts, inverse = first[order], counts[order], np.argsort(order)[inverse]
    return [values, *(np.asarray(a, INDEX).reshape(-1) for a in (first, inverse, counts))]


@folds("ReverseSequence")
def reverse_sequence(operation: Operation) -> np.ndarray:
    x, lengths = operation.array(0), integer_list(operation.array(1))
    batch, time = operation.integer("batch_axis", 1), operation.integer("time_axis", 0)
    if {batch, time} != {0, 1} or x.ndim < 2 or len(lengths) != x.shape[batch]:
        raise ColonnadeError(f"batch axis {batch} and time axis {time} do not fit {shape_text(x.shape)}")
    operation.reserve(x.shape, x.dtype)
    result = x.copy()
    view, source = (result, x) if batch == 0 else (result.swapaxes(0, 1), x.swapaxes(0, 1))
    for image, original, length in zip(view, source, lengths, strict=True):
        image[:length] = original[:length][::-1]
    return result
