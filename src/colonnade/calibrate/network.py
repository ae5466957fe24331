"""Runs a network on all samples, from one pruned convolution to the next.

Between two steps the values that later steps read are in a Store. A network is cut before each pruned convolution:

    input | stem ... | conv 1, bn, relu ... | conv 2, bn, + skip, relu ... | conv 3
            segment 0  segment 1              segment 2

so segment i starts with the convolution that was pruned last, under its new weights, and ends where the input of the
next one is known. The dense and the pruned network run the same segments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from colonnade.calibrate.site import Site
from colonnade.calibrate.store import Store
from colonnade.graph.ir import Graph, Node
from colonnade.graph.passes import optimize
from colonnade.graph.passes.editor import Editor
from colonnade.graph.passes.simplify import remove_dead_nodes
from colonnade.plan.compiler import compile_graph
from colonnade.runtime.session import Session


@dataclass(frozen=True)
class Segment:
    """Consecutive nodes, the values they read and those that later segments read. dead: values nothing reads later."""

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    dead: tuple[str, ...]


def prepared(graph: Graph, convolutions: Sequence[Site]) -> Graph:
    """What the convolutions need of `graph`, each with weights and bias of its own, named by `own_constants`: files may
    share equal tensors."""
    needed = {value: None for site in convolutions for value in (site.node.output, *site.reads)}
    inputs = set(graph.inputs)
    edit = Editor(replace(graph, outputs=tuple(value for value in needed if value not in inputs)))
    for site in convolutions:
        x, weights, bias = site.node.inputs
        names = own_constants(site)
        for name, old in zip(names, (weights, bias), strict=True):
            edit.constants[name] = edit.constants[old]
        edit.put(replace(site.node, inputs=(x, *names)))
    return remove_dead_nodes(edit.finish())


def own_constants(site: Site) -> tuple[str, str]:
    """What `prepared` calls the weights and the bias of a convolution."""
    return f"{site.node.output}/own weights", f"{site.node.output}/own bias"


def cut(graph: Graph, convolutions: Sequence[Site]) -> tuple[Segment, ...]:
    """One segment of a prepared graph before each of the convolutions, which are in running order."""
    place = {node.output: i for i, node in enumerate(graph.nodes)}
    stops = [place[site.node.output] for site in convolutions]
    last_read = {value: i for i, node in enumerate(graph.nodes) for value in node.inputs}
    for site, stop in zip(convolutions, stops, strict=True):
        last_read.update({value: max(stop, last_read.get(value, 0)) for value in site.reads})
    segments = []
    held = list(graph.inputs)
    for start, stop in zip([0, *stops], stops, strict=False):
        nodes = graph.nodes[start:stop]
        read = {value for node in nodes for value in node.inputs}
        inputs = tuple(value for value in held if value in read)
        outputs = tuple(node.output for node in nodes if last_read.get(node.output, -1) >= stop)
        dead = tuple(value for value in held if last_read.get(value, -1) < stop)
        segments.append(Segment(nodes, inputs, outputs, dead))
        held = [value for value in (*held, *outputs) if value not in dead]
    return tuple(segments)


class Network:
    """A network on its way over the samples."""

    def __init__(self, graph: Graph, store: Store, samples: np.ndarray) -> None:
        """graph: of batch 1 and one input. samples: f32 [N, C, H, W]."""
        self._graph, self._store = graph, store
        self._constants = dict(graph.constants)
        self._count = len(samples)
        name = graph.inputs[0]
        with store.writers({name: graph.shape(name)}) as files:
            for sample in samples:
                files[name].write(np.ascontiguousarray(sample).data)

    def read(self, value: str) -> np.ndarray:
        """A live value of all samples: [N, C, H, W]."""
        return self._store.read(value)[:, 0]

    def set(self, constants: Mapping[str, np.ndarray]) -> None:
        """Give constants new values, for the segments that follow."""
        self._constants.update(constants)

    def advance(self, segment: Segment) -> None:
        """Run a segment on all samples."""
        if segment.nodes:
            self._run(segment)
        for value in segment.dead:
            self._store.drop(value)

    def _run(self, segment: Segment) -> None:
        graph = replace(
            self._graph,
            inputs=segment.inputs,
            outputs=segment.outputs,
            nodes=segment.nodes,
            constants=self._constants,
            elements={value: self._graph.element(value) for value in segment.inputs},
        )
        session = Session(compile_graph(optimize(remove_dead_nodes(graph)), plan="default"))
        inputs = {value: self._store.read(value) for value in segment.inputs}
        with self._store.writers({value: graph.shape(value) for value in segment.outputs}) as files:
            for sample in range(self._count):
                feeds = {value: array[sample] for value, array in inputs.items()}
                for value, array in zip(segment.outputs, session.run(segment.outputs, feeds), strict=True):
                    files[value].write(array.data)
