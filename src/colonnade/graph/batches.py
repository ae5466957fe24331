"""Whether a network computes each image of a batch from that image alone, and as if there were no other.

Only then may a batch be put together from others and taken apart. What this cannot tell counts as no.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from colonnade.graph.ir import Graph, Node, Reshape


def images_of(graph: Graph) -> int:
    """The first axis of the first input; 0 without one."""
    return (*graph.shape(graph.inputs[0]), 0)[0]


def is_independent(one: Graph, other: Graph) -> bool:
    """Whether images do not depend on each other in both graphs, which one network is for two batches, the second one
    of two images or more; and whether both compute the same of each."""
    compared = images_of(one) != images_of(other) > 1
    return compared and _same_for_each_image(one, other) and _keeps_images_apart(other)


def sharing_constants(graph: Graph, first: Graph) -> Graph:
    """The graph with the arrays of `first` in place of equal ones, so that each is held once."""
    constants = {name: known if _equal(array, known) else array for name, array, known in _pairs(graph, first)}
    return replace(graph, constants={**graph.constants, **constants})


def _pairs(graph: Graph, first: Graph) -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [(n, array, first.constants[n]) for n, array in graph.constants.items() if n in first.constants]


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or (a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


def _keeps_images_apart(graph: Graph) -> bool:
    """Every value is a run of equally long parts in the order of ONNX, one for each image: parts of its first axis."""
    images = images_of(graph)
    for value in (*graph.inputs, *graph.outputs):
        if value in graph.constants or graph.shape(value)[:1] != (images,):
            return False
    return all(_keeps_apart(graph, node, images) for node in graph.nodes)


def _keeps_apart(graph: Graph, node: Node, images: int) -> bool:
    shape = graph.shape(node.output)
    values = [name for name in node.inputs if name not in graph.constants]
    if not values or not shape or shape[0] % images:
        return False
    if isinstance(node.op, Reshape):
        return True  # parts stay where they are
    if any(graph.shape(name)[:1] != shape[:1] for name in values):
        return False
    constants = [graph.constants.get(name) for name in node.inputs]
    varied = [None if c is not None and _is_alike(c, images, shape) else c for c in constants]
    return node.op.is_imagewise(constants, shape) or node.op.is_imagewise(varied, shape)


def _is_alike(constant: np.ndarray, images: int, shape: tuple[int, ...]) -> bool:
    """Whether a constant is the same for every image, stored once for each."""
    whole = constant.ndim == len(shape) and constant.shape[0] == shape[0]
    return whole and bool((constant.reshape(images, -1) == constant.reshape(images, -1)[0]).all())


def _same_for_each_image(one: Graph, other: Graph) -> bool:
    """The same nodes of the same constants; of images, sizes are multiples of their number."""
    counts = images_of(one), images_of(other)
    if (one.inputs, one.outputs, len(one.nodes)) != (other.inputs, other.outputs, len(other.nodes)):
        return False
    if any(
        (a.op, a.inputs, a.output) != (b.op, b.inputs, b.output) for a, b in zip(one.nodes, other.nodes, strict=True)
    ):
        return False
    values = (*one.inputs, *(node.output for node in one.nodes))
    if not all(_is_scaled(one.shape(value), other.shape(value), counts) for value in values):
        return False
    used = {name for node in one.nodes for name in node.inputs if name in one.constants}
    return all(
        name in other.constants and _same_constant(one.constants[name], other.constants[name], counts) for name in used
    )


def _is_scaled(one: tuple[int, ...], other: tuple[int, ...], counts: tuple[int, int]) -> bool:
    return bool(one and other) and one[1:] == other[1:] and one[0] * counts[1] == other[0] * counts[0]


def _same_constant(one: np.ndarray, other: np.ndarray, counts: tuple[int, int]) -> bool:
    if _equal(one, other):
        return True
    if not _is_scaled(one.shape, other.shape, counts) or one.shape[0] % counts[0]:
        return False
    first = one.reshape(counts[0], -1)[0]
    return bool((one.reshape(counts[0], -1) == first).all() and (other.reshape(counts[1], -1) == first).all())
