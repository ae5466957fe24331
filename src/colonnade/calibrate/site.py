"""Where a pruned convolution stands in its graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colonnade.graph.ir import Act, Affine, Binary, Conv, Graph, Node


@dataclass(frozen=True)
class Following:
    """What becomes of a convolution's output y: z = gain * y + shift + skip, with gain and shift [Cout].

    skip: the value that a residual connection adds, if it is made before the convolution. rectified: what reads z reads
    only max(z, 0) or less of it.
    """

    gain: np.ndarray
    shift: np.ndarray
    skip: str | None = None
    rectified: bool = False


@dataclass(frozen=True)
class Site:
    """A convolution and what follows it."""

    node: Node
    op: Conv
    following: Following

    @property
    def reads(self) -> tuple[str, ...]:
        """The values that must be known to prune it."""
        skip = self.following.skip
        return (self.node.inputs[0], *([skip] if skip else []))


def sites(graph: Graph) -> dict[str, Site]:
    """The convolutions of a graph that no pass has changed, by their outputs, in running order."""
    readers = graph.consumers()
    place = {node.output: i for i, node in enumerate(graph.nodes)}
    return {
        node.output: Site(node, node.op, _following(graph, node, readers, place))
        for node in graph.nodes
        if isinstance(node.op, Conv)
    }


def _following(graph: Graph, conv: Node, readers: dict[str, list[Node]], place: dict[str, int]) -> Following:
    value, channels = conv.output, graph.shape(conv.output)[1]
    gain, shift = np.ones(channels), np.zeros(channels)
    skip = None
    while len(readers.get(value, ())) == 1 and value not in graph.outputs:
        reader = readers[value][0]
        match reader.op:
            case Affine(act) if act.is_identity and skip is None:
                scale, offset = (graph.constants[name].astype(np.float64) for name in reader.inputs[1:])
                gain, shift = gain * scale, shift * scale + offset
            case Binary("add", act) if act.is_identity and skip is None:
                skip = _other_side(graph, reader, value)
                if skip is None or place.get(skip, -1) > place[conv.output]:
                    return Following(gain, shift)
            case Act(act) if act.is_identity:
                pass
            case Act(act):
                return Following(gain, shift, skip, rectified=act.kind == "clamp" and act.lo == 0)
            case _:
                break
        value = reader.output
    return Following(gain, shift, skip)


def _other_side(graph: Graph, addition: Node, value: str) -> str | None:
    """What an addition adds to `value`, if it is another value of the same shape."""
    others = [name for name in addition.inputs if name != value]
    if len(others) != 1 or others[0] in graph.constants or graph.shape(others[0]) != graph.shape(value):
        return None
    return others[0]
