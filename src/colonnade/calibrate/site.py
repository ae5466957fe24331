"""Where a pruned convolution stands in its graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colonnade.graph.ir import Affine, Binary, Conv, Graph, Node


@dataclass(frozen=True)
class Skip:
    """What a residual connection adds to a convolution's output y: value + gain * y (+ a constant), gain [Cout]."""

    value: str
    gain: np.ndarray


@dataclass(frozen=True)
class Site:
    """A convolution `node` and, where its output goes into a residual addition whose other side is made before it,
    that addition."""

    node: Node
    op: Conv
    skip: Skip | None

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that must be known to prune it."""
        return (self.node.inputs[0], *([self.skip.value] if self.skip else []))


def sites(graph: Graph) -> dict[str, Site]:
    """The convolutions of a graph that no pass has changed, by their outputs, in running order."""
    place = {node.output: i for i, node in enumerate(graph.nodes)}
    readers = graph.consumers()
    return {
        node.output: Site(node, node.op, _skip(graph, node, readers, place))
        for node in graph.nodes
        if isinstance(node.op, Conv)
    }


def _skip(graph: Graph, conv: Node, readers: dict[str, list[Node]], place: dict[str, int]) -> Skip | None:
    """Follows the output through per-channel arithmetic to an addition."""
    value, gain = conv.output, np.ones(graph.shape(conv.output)[1])
    while len(readers.get(value, ())) == 1 and value not in graph.outputs:
        reader = readers[value][0]
        if isinstance(reader.op, Affine) and reader.op.act.is_identity:
            gain = gain * graph.constants[reader.inputs[1]]
            value = reader.output
            continue
        if not isinstance(reader.op, Binary) or reader.op.kind != "add" or not reader.op.act.is_identity:
            return None
        others = [name for name in reader.inputs if name != value]
        if len(others) != 1 or others[0] in graph.constants or graph.shape(others[0]) != graph.shape(value):
            return None
        return Skip(others[0], gain) if place.get(others[0], -1) < place[conv.output] else None
    return None
