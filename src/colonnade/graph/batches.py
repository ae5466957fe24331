"""Whether a network computes each image of a batch from that image alone, and as if there were no other.

Only then may a batch be put together from others and taken apart. What this cannot tell counts as no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from colonnade.graph.ir import Gather, Graph, Node, Reshape, Slice, Transpose


def images_of(graph: Graph) -> int:
    """The first axis of the first input; 0 without one."""
    return (*graph.shape(graph.inputs[0]), 0)[0]


def is_independent(one: Graph, other: Graph) -> bool:
    """Whether images do not depend on each other in both graphs, which one network is for two batches, the second one
    of two images or more; and whether both compute the same of each."""
    if not images_of(one) != images_of(other) > 1:
        return False
    axes = _axes_of_images(other)
    return axes is not None and _same_for_each_image(one, other, axes)


def sharing_constants(graph: Graph, first: Graph) -> Graph:
    """The graph with the arrays of `first` in place of equal ones, so that each is held once."""
    constants = {name: known if _equal(array, known) else array for name, array, known in _pairs(graph, first)}
    return replace(graph, constants={**graph.constants, **constants})


def _pairs(graph: Graph, first: Graph) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [(n, array, first.constants[n]) for n, array in graph.constants.items() if n in first.constants]


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or (a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


def _axes_of_images(graph: Graph) -> dict[str, int] | None:
    """Of every value the axis that is cut into equally long parts, one for each image; None if images are mixed."""
    images = images_of(graph)
    for value in (*graph.inputs, *graph.outputs):
        if value in graph.constants or graph.shape(value)[:1] != (images,):
            return None
    axes = dict.fromkeys(graph.inputs, 0)
    for node in graph.nodes:
        axis = _axis_after(graph, node, axes)
        if axis is None or graph.shape(node.output)[axis] % images:
            return None
        axes[node.output] = axis
    return axes if not any(axes[value] for value in graph.outputs) else None


def _axis_after(graph: Graph, node: Node, axes: Mapping[str, int]) -> int | None:
    """That of what a node makes; None if it mixes images, or may."""
    shape, values = graph.shape(node.output), [name for name in node.inputs if name not in graph.constants]
    before = {axes[name] for name in values}
    if len(before) != 1 or not shape:
        return None
    axis, x = before.pop(), graph.shape(values[0])
    match node.op:
        case Reshape():  # elements stay where they are in memory, where each image's must lie side by side
            return 0 if all(size == 1 for size in x[:axis]) else None
        case Transpose(perm):
            return perm.index(axis)
        case Slice() | Gather() if axis:
            return axis if _leaves_alone(node.op, axis) and shape[axis] == x[axis] else None
    return 0 if not axis and _is_imagewise(graph, node, values) else None


def _leaves_alone(op: Slice | Gather, axis: int) -> bool:
    return op.axis != axis if isinstance(op, Gather) else (op.starts[axis], op.steps[axis]) == (0, 1)


def _is_imagewise(graph: Graph, node: Node, values: Sequence[str]) -> bool:
    """Whether a node keeps images apart that are the parts of the first axis of all values that it reads and makes."""
    images, shape = images_of(graph), graph.shape(node.output)
    if shape[0] % images or any(graph.shape(name)[:1] != shape[:1] for name in values):
        return False
    constants = [graph.constants.get(name) for name in node.inputs]
    varied = [None if c is not None and _is_alike(c, images, shape) else c for c in constants]
    return node.op.is_imagewise(constants, shape) or node.op.is_imagewise(varied, shape)


def _is_alike(constant: np.ndarray, images: int, shape: tuple[int, ...]) -> bool:
    """Whether a constant is the same for every image, stored once for each."""
    whole = constant.ndim == len(shape) and constant.shape[0] == shape[0]
    return whole and bool((constant.reshape(images, -1) == constant.reshape(images, -1)[0]).all())


def _same_for_each_image(one: Graph, other: Graph, axes: Mapping[str, int]) -> bool:
    """The same nodes of the same constants; of images, sizes of `axes` are multiples of their number."""
    counts = images_of(one), images_of(other)
    if (one.inputs, one.outputs, len(one.nodes)) != (other.inputs, other.outputs, len(other.nodes)):
        return False
    if any(
        (a.op, a.inputs, a.output) != (b.op, b.inputs, b.output) for a, b in zip(one.nodes, other.nodes, strict=True)
    ):
        return False
    values = (*one.inputs, *(node.output for node in one.nodes))
    if not all(_is_scaled(one.shape(value), other.shape(value), counts, axes[value]) for value in values):
        return False
    used = {name for node in one.nodes for name in node.inputs if name in one.constants}
    return all(
        name in other.constants and _same_constant(one.constants[name], other.constants[name], counts) for name in used
    )


def _is_scaled(one: tuple[int, ...], other: tuple[int, ...], counts: tuple[int, int], axis: int = 0) -> bool:
    """Whether shapes differ in the axis of images alone, as the numbers of images do."""
    same = len(one) == len(other) > axis and one[:axis] + one[axis + 1 :] == other[:axis] + other[axis + 1 :]
    return same and one[axis] * counts[1] == other[axis] * counts[0]


def _same_constant(one: np.ndarray, other: np.ndarray, counts: tuple[int, int]) -> bool:
    if _equal(one, other):
        return True
    if not _is_scaled(one.shape, other.shape, counts) or one.shape[0] % counts[0]:
        return False
    first = one.reshape(counts[0], -1)[0]
    return bool((one.reshape(counts[0], -1) == first).all() and (other.reshape(counts[1], -1) == first).all())
