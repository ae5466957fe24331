"""The shapes that a network is compiled for: a graph for each, and which batches may be split."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx

from colonnade.errors import ColonnadeError
from colonnade.graph.batches import images_of, is_independent, sharing_constants
from colonnade.graph.ir import Graph
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.plan.compiler import Shaped

Plane = tuple[int, int] | int  # height and width, or one number for both
Source = str | os.PathLike[str] | onnx.ModelProto


@dataclass(frozen=True)
class Wanted:
    """Batches and input sizes, of which every pair is compiled, and whole shapes of inputs by name. None: as the file
    has it."""

    batches: tuple[int | None, ...]
    sizes: tuple[Plane | None, ...]
    shapes: Mapping[str, Sequence[int]] | None

    @classmethod
    def of(
        cls,
        batch: int | Sequence[int] | None,
        input_size: Plane | Sequence[Plane] | None,
        shapes: Mapping[str, Sequence[int]] | None,
    ) -> Wanted:
        """From one of each, or lists."""
        batches = (batch,) if batch is None or isinstance(batch, int) else tuple(batch)
        one = input_size is None or isinstance(input_size, int | tuple)
        sizes = (input_size,) if one else tuple(input_size)  # type: ignore[arg-type]
        if not batches or not sizes:
            raise ColonnadeError("an empty list of batches or input sizes; leave it out to take those of the file")
        return cls(batches, sizes, shapes)  # type: ignore[arg-type]


def import_shapes(source: Source, wanted: Wanted) -> list[Shaped]:
    """The optimised graphs of a model for every pair of a size and a batch. ColonnadeError for two of equal shapes, and
    as `import_model`."""
    graphs: list[list[Graph]] = []
    for size in wanted.sizes:
        graphs.append([])
        for batch in wanted.batches:
            graph = import_model(source, batch=batch, input_size=size, shapes=wanted.shapes)
            graphs[-1].append(sharing_constants(graph, graphs[0][0]) if graphs[0] else graph)
    _check_distinct([graph for of_size in graphs for graph in of_size])
    return [
        Shaped(optimize(graph, merge=True), images)
        for size, of_size in zip(wanted.sizes, graphs, strict=True)
        for graph, images in zip(of_size, _images(source, of_size, size, wanted.shapes), strict=True)
    ]


def _check_distinct(graphs: Sequence[Graph]) -> None:
    shapes = [tuple(graph.shape(name) for name in graph.inputs) for graph in graphs]
    if len(set(shapes)) < len(shapes):
        twice = next(shape for shape in shapes if shapes.count(shape) > 1)
        text = ", ".join("x".join(map(str, shape)) for shape in twice)
        raise ColonnadeError(f"two of the batches and sizes asked for give the inputs the same shape, {text}")


def _images(
    source: Source, graphs: Sequence[Graph], size: Plane | None, shapes: Mapping[str, Sequence[int]] | None
) -> list[int]:
    """Of each graph the images of its batch, or 0 where they may depend on each other. A graph is compared with that of
    another batch: the largest, or where there is only one, one image more."""
    largest = max(graphs, key=images_of)
    others = [graph for graph in graphs if images_of(graph) < images_of(largest)]
    if not others:
        try:
            largest = import_model(source, batch=images_of(largest) + 1, input_size=size, shapes=shapes)
        except ColonnadeError:  # made for one batch, however many images that is
            return [0] * len(graphs)
    known = all(is_independent(graph, largest) for graph in graphs if graph is not largest)
    return [images_of(graph) if known else 0 for graph in graphs]
