"""Batches image by image: all layers whose outputs are images run for one image after the other, what follows, the
classifier, for all at once.

The activations of one image stay in the caches from layer to layer; those of a batch do not. Weights are read once for
each image instead, which costs less, even where planes are small (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from colonnade.graph import ir
from colonnade.modelfile.program import Constants, Program, Storage, Value, View, elements_of, room_for
from colonnade.plan.choose.tuner import NetworkPlan
from colonnade.plan.copy import Strided, copy_step
from colonnade.plan.lower import lower, lower_into
from colonnade.plan.lowering.places import Order
from colonnade.target.targets import Target


@dataclass(frozen=True)
class Part:
    """A graph with its plan, to be run `repeats` times."""

    graph: ir.Graph
    plan: NetworkPlan
    repeats: int = 1


def plan_parts(graph: ir.Graph, plan_of: Callable[[ir.Graph], NetworkPlan]) -> tuple[Part, ...]:
    """`graph` as one part, or as one that runs image by image and one for the batch."""
    cut = max(_cuts(graph), default=0)
    if not cut:
        return (Part(graph, plan_of(graph)),)
    first, second = _image_part(graph, cut), _batch_part(graph, cut)
    return Part(first, plan_of(first), graph.shape(graph.inputs[0])[0]), Part(second, plan_of(second))


def lower_parts(parts: tuple[Part, ...], target: Target, constants: Constants | None = None) -> Program:
    """The program of a network in one part or two. `constants`: as in `lower`."""
    first = parts[0]
    program = lower(first.graph, target, first.plan, constants=constants)
    if len(parts) == 1:
        return program
    second = parts[1]
    value = second.graph.inputs[0]
    images, channels, *plane = second.graph.shape(value)
    for image in program.inputs:
        image.storage.advance = image.storage.bytes
    program.inputs = [replace(image, shape=(images, *image.shape[1:])) for image in program.inputs]
    whole = _collect(program, program.outputs.pop(), images, channels, elements_of(tuple(plane)))
    made: dict[str, tuple[Order, View]] = {value: ("cn", whole)}
    lower_into(program, second.graph, made, second.plan)
    return program


def _collect(program: Program, image: Value, images: int, channels: int, plane: int) -> View:
    """Make the steps so far repeated ones, whose result `image` goes to its place among those of all `images`, of
    `channels` planes each: the view of these."""
    image.storage.kind = "arena"
    element = image.storage.element
    whole, size = room_for(channels * images * plane, element), plane * element.bytes
    part = Storage(element, (channels - 1) * images * size + size, advance=size, part_of=whole)
    source, target = Strided(View(image.storage), (plane, 1)), Strided(View(part), (images * plane, 1))
    program.steps.append(copy_step(f"layout:{image.name}", (channels, plane), source, target))
    program.repeats, program.repeat_steps = images, len(program.steps)
    return View(whole)


def _images(graph: ir.Graph) -> int:
    shape = graph.shape(graph.inputs[0])
    return shape[0] if shape else 1


def _cuts(graph: ir.Graph) -> Iterator[int]:
    """Counts of leading nodes that may run image by image: one value is all that the nodes after them read of what they
    make and read."""
    if len(graph.inputs) != 1 or _images(graph) == 1:
        return
    last_reader = {value: i for i, node in enumerate(graph.nodes) for value in node.inputs}
    last_reader |= dict.fromkeys(graph.outputs, len(graph.nodes))
    alive = {graph.inputs[0]}
    for i, node in enumerate(graph.nodes):
        if not _is_imagewise(graph, node):
            return
        alive = {value for value in alive | {node.output} if last_reader.get(value, -1) > i}
        if alive == {node.output} and node.output not in graph.outputs:
            yield i + 1


def _is_imagewise(graph: ir.Graph, node: ir.Node) -> bool:
    """Whether a node may run image by image. A fully connected layer could, but is faster for a batch."""
    images, shape = _images(graph), graph.shape(node.output)
    values = [graph.shape(name) for name in (*node.inputs, node.output) if name not in graph.constants]
    if any(len(of_value) < 2 or of_value[0] != images for of_value in values) or isinstance(node.op, ir.Dense):
        return False
    return node.op.is_imagewise([graph.constants.get(name) for name in node.inputs], shape)


def _image_part(graph: ir.Graph, cut: int) -> ir.Graph:
    """The first `cut` nodes, for one image."""
    nodes = graph.nodes[:cut]
    values = (graph.inputs[0], *(node.output for node in nodes))
    shapes = {value: (1, *graph.shape(value)[1:]) for value in values}
    return replace(graph, nodes=nodes, outputs=(nodes[-1].output,), constants=_constants(graph, nodes), shapes=shapes)


def _batch_part(graph: ir.Graph, cut: int) -> ir.Graph:
    """The nodes after the first `cut`."""
    nodes = graph.nodes[cut:]
    value = graph.nodes[cut - 1].output
    constants, elements = _constants(graph, nodes), {value: graph.element(value)}
    constants |= {name: graph.constants[name] for name in graph.outputs if name in graph.constants}
    return replace(graph, inputs=(value,), nodes=nodes, constants=constants, elements=elements)


def _constants(graph: ir.Graph, nodes: tuple[ir.Node, ...]) -> dict[str, np.ndarray]:
    return {name: graph.constants[name] for node in nodes for name in node.inputs if name in graph.constants}
