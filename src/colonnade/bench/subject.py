"""What is benchmarked: a network by its zoo name or file, as an ONNX file of static shapes."""

from __future__ import annotations

from pathlib import Path

import onnx

from colonnade import zoo
from colonnade.api import Model, load
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Graph


def open_model(source: str, *, input_size: int | None = None, seed: int = 0) -> Model:
    """The zoo's network of that name, else the ONNX file at that path. ColonnadeError if it is neither. input_size and
    seed are of networks with random weights."""
    if source in zoo.TRAINED:
        return Model(zoo.trained(source), source)
    if source in zoo.NAMES:
        return Model(zoo.build(source, seed=seed, input_size=input_size), source)
    if not Path(source).exists():
        raise ColonnadeError(
            f"{source}: no such file, nor a network of the zoo ({', '.join((*zoo.NAMES, *zoo.TRAINED))})"
        )
    return load(source)


def input_shape(graph: Graph) -> tuple[int, ...]:
    """Shape of the one input. ColonnadeError if there are several."""
    if len(graph.inputs) != 1:
        raise ColonnadeError(f"{graph.name}: has {len(graph.inputs)} inputs; only networks with one can be timed")
    return graph.shape(graph.inputs[0])


def with_static_shapes(proto: onnx.ModelProto, graph: Graph) -> onnx.ModelProto:
    """A copy whose inputs and outputs have the sizes of `graph`, which was imported from `proto`.

    Converters want every size fixed. Shapes of values in between are dropped: they may be of another batch.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    del copy.graph.value_info[:]
    for entry in (*copy.graph.input, *copy.graph.output):
        if entry.name not in (*graph.inputs, *graph.outputs):
            continue  # IR version 3 lists initializers among the inputs
        dimensions = entry.type.tensor_type.shape
        del dimensions.dim[:]
        for size in graph.shape(entry.name):
            dimensions.dim.add().dim_value = size
    return copy
