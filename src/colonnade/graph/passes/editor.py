"""A working copy of a graph that a pass edits node by node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from colonnade.graph.ir import REAL, Graph, Node


class Editor:
    """Edits keep every promise of Graph: running order, names of outputs, one producer for each value.

    A node keeps its place when it is replaced. To merge a producer into its only consumer, put the merged node
    under the consumer's output, where all operands of both are ready, and remove the producer.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes: list[Node | None] = list(graph.nodes)
        self._place = {node.output: i for i, node in enumerate(graph.nodes)}
        self._readers: dict[str, set[int]] = {}
        self.constants = dict(graph.constants)
        self.shapes = dict(graph.shapes)
        for i, node in enumerate(graph.nodes):
            self._link(i, node)

    def nodes(self) -> Iterator[Node]:
        """The nodes in running order, each as it is when its turn comes."""
        for i in range(len(self._nodes)):
            node = self._nodes[i]
            if node is not None:
                yield node

    def producer(self, value: str) -> Node | None:
        """The node that makes a value."""
        place = self._place.get(value)
        return None if place is None else self._nodes[place]

    def producer_for_one(self, value: str) -> Node | None:
        """The node that makes a value, if exactly one node reads it and it is no output of the graph."""
        read_once = len(self._readers.get(value, ())) == 1 and not self.is_output(value)
        return self.producer(value) if read_once else None

    def shape(self, value: str) -> tuple[int, ...]:
        """Shape of an activation or a constant."""
        return tuple(self.constants[value].shape) if value in self.constants else self.shapes[value]

    def is_output(self, value: str) -> bool:
        return value in self._graph.outputs

    def is_before(self, first: str, second: str) -> bool:
        """Whether value `first` is made before `second`; inputs of the graph are made before all nodes."""
        return self._place.get(first, -1) < self._place.get(second, -1)

    def constant(self, hint: str, array: np.ndarray) -> str:
        """Add a constant under a name that is free."""
        name, count = hint, 0
        while name in self.constants or name in self.shapes:
            count += 1
            name = f"{hint}.{count}"
        self.constants[name] = np.ascontiguousarray(array, dtype=REAL)
        return name

    def put(self, node: Node) -> None:
        """Replace the node that makes `node.output`."""
        self._put(self._place[node.output], node)

    def remove(self, node: Node) -> None:
        """Remove a node whose value nothing reads any more."""
        self._put(self._place.pop(node.output), None)
        del self.shapes[node.output]

    def bypass(self, node: Node, value: str) -> None:
        """Remove a node whose output equals `value`, where names allow: a graph's output may stay a copy."""
        if not self.is_output(node.output):
            self._redirect(node.output, value)
            self.remove(node)
            return
        source = self.producer(value)
        if source is None or self.is_output(value):
            return
        self._put(self._place.pop(node.output), None)
        place = self._place.pop(value)
        self._place[node.output] = place
        self._put(place, replace(source, output=node.output))
        self._redirect(value, node.output)
        del self.shapes[value]

    def finish(self) -> Graph:
        nodes = tuple(self.nodes())
        used = {value for node in nodes for value in node.inputs} | set(self._graph.outputs)
        constants = {name: array for name, array in self.constants.items() if name in used}
        return replace(self._graph, nodes=nodes, constants=constants, shapes=self.shapes)

    def _redirect(self, old: str, new: str) -> None:
        for place in tuple(self._readers.get(old, ())):
            node = self._nodes[place]
            if node is not None:
                self._put(place, replace(node, inputs=tuple(new if v == old else v for v in node.inputs)))

    def _put(self, place: int, node: Node | None) -> None:
        old = self._nodes[place]
        if old is not None:
            for value in old.inputs:
                self._readers[value].discard(place)
        self._nodes[place] = node
        if node is not None:
            self._link(place, node)

    def _link(self, place: int, node: Node) -> None:
        for value in node.inputs:
            self._readers.setdefault(value, set()).add(place)
