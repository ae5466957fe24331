"""Which values get borders in memory, so that the convolutions that read them need no padded copy.

Borders help who reads a value with padding, and cost who else reads or makes it: lines are longer, and strips that
do not run through planes of equal lines on both sides cross their edges. A convolution of stride 1 wants them on both
sides or on neither, unless its kernels are by channels, and a residual is laid out as what it is added to. So values
are grouped along those. All of a group have borders, or those of its values that are read with padding and gain by
themselves, or none: whichever makes its convolutions cheapest, by the sum of their costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from colonnade.graph.ir import Concat, Conv, GlobalPool, Graph, Node, Pool
from colonnade.plan.planes import NO_BORDERS, Borders
from colonnade.plan.problem import ConvProblem

MOST_BORDER = 8  # zeros on a side; wider padding is copied


@dataclass(frozen=True)
class Group:
    """Values that have `borders` together or not at all; `alone`: those that may also have them by themselves."""

    values: frozenset[str]
    borders: Borders
    alone: tuple[str, ...]


def border_groups(graph: Graph) -> tuple[Group, ...]:
    """The groups whose borders some convolution would read as its padding, in running order."""
    able = _able(graph)
    parts: dict[str, set[str]] = {value: {value} for value in able}
    convolutions = [node for node in graph.nodes if isinstance(node.op, Conv)]
    for node in convolutions:
        for one, other in _tied(graph, node):
            if one in able and other in able and parts[one] is not parts[other]:
                parts[one] |= parts[other]
                parts |= dict.fromkeys(parts[other], parts[one])
    wanted: dict[int, dict[str, Borders]] = {}
    for node in convolutions:
        if node.inputs[0] in able and any(_pads(node)) and max(_pads(node)) <= MOST_BORDER:
            wanted.setdefault(id(parts[node.inputs[0]]), {})[node.inputs[0]] = _pads(node)
    residual = {value for node in convolutions for value in _residual_pair(node)}
    distinct = {id(part): part for part in parts.values()}
    return tuple(
        Group(frozenset(part), _most(wanted[key].values()), tuple(v for v in wanted[key] if v not in residual))
        for key, part in distinct.items()
        if key in wanted
    )


def _able(graph: Graph) -> dict[str, None]:
    """Values that only convolutions and pools make and read; they are the ones that know borders. A residual and what
    it is added to are both among them, or neither is."""
    readers = graph.consumers()
    in_concats = {value for node in graph.nodes if isinstance(node.op, Concat) for value in (*node.inputs, node.output)}
    found: dict[str, None] = {}
    for node in graph.nodes:
        value = node.output
        fits = isinstance(node.op, Conv | Pool) and value not in graph.outputs and value not in in_concats
        if fits and all(isinstance(reader.op, Conv | Pool | GlobalPool) for reader in readers.get(value, ())):
            found[value] = None
    pairs = [pair for node in graph.nodes if (pair := _residual_pair(node))]
    while lonely := [value for pair in pairs for value in pair if value in found and not found.keys() >= set(pair)]:
        for value in lonely:
            found.pop(value, None)
    return found


def _residual_pair(node: Node) -> tuple[str, ...]:
    """A residual and what it is added to."""
    return (node.inputs[3], node.output) if isinstance(node.op, Conv) and node.op.residual else ()


def _tied(graph: Graph, node: Node) -> list[tuple[str, ...]]:
    """Pairs of values that a convolution wants laid out alike."""
    ties = [_residual_pair(node)] if _residual_pair(node) else []
    if _plain_stride(node) and graph.shape(node.inputs[0])[2:] == graph.shape(node.output)[2:]:
        ties.append((node.inputs[0], node.output))
    return ties


def _plain_stride(node: Node) -> bool:
    return isinstance(node.op, Conv) and node.op.strides == (1, 1)


def _pads(node: Node) -> Borders:
    assert isinstance(node.op, Conv)
    return node.op.pads


def _most(pads: Iterable[Borders]) -> Borders:
    top, left, bottom, right = (max(sides) for sides in zip(*pads, strict=True))
    return top, left, bottom, right


Cost = Callable[[ConvProblem], float]


class BorderChoice:
    """The convolutions of a graph with every choice of borders."""

    def __init__(self, graph: Graph, problems: Mapping[str, ConvProblem]) -> None:
        """problems: by node name, without borders."""
        self._problems = problems
        self._groups = border_groups(graph)
        self._borders = {value: group.borders for group in self._groups for value in group.values}
        self._nodes = [node for node in graph.nodes if isinstance(node.op, Conv)]

    def variants(self) -> list[list[ConvProblem]]:
        """Every problem that some choice leads to, those of equal convolutions together, each once; all with the
        weights of the first, so that they have one right answer."""
        found: dict[str, tuple[ConvProblem, dict[str, ConvProblem]]] = {}
        for node in self._nodes:
            ends = (node.inputs[0], node.output)
            problem = self._problems[node.name]
            first, alike = found.setdefault(problem.digest, (problem, {}))
            for chosen in (set(), {ends[0]}, {ends[1]}, set(ends)):
                variant = first.with_borders(*self._borders_of(node, chosen))
                alike.setdefault(variant.digest, variant)
        return [list(alike.values()) for _, alike in found.values()]

    def choose(self, cost: Cost) -> dict[str, ConvProblem]:
        """The problems by node name, with borders where the convolutions together cost less by `cost`."""
        chosen: set[str] = set()
        for group in self._groups:
            some: set[str] = set()
            for value in group.alone:
                if self._saved({value}, chosen | some, cost) > 0:
                    some.add(value)
            for_some, for_all = (self._saved(values, chosen, cost) for values in (some, group.values))
            if max(for_some, for_all) > 0:
                chosen |= group.values if for_all > for_some else some
        return {node.name: self._problem(node, chosen) for node in self._nodes}

    def _saved(self, values: AbstractSet[str], chosen: AbstractSet[str], cost: Cost) -> float:
        """By how much borders of `values` make their convolutions cheaper, given the values `chosen` before."""
        touched = [node for node in self._nodes if {node.inputs[0], node.output} & values]
        before = sum(cost(self._problem(node, chosen)) for node in touched)
        return before - sum(cost(self._problem(node, chosen | values)) for node in touched)

    def _problem(self, node: Node, chosen: AbstractSet[str]) -> ConvProblem:
        return self._problems[node.name].with_borders(*self._borders_of(node, chosen))

    def _borders_of(self, node: Node, chosen: AbstractSet[str]) -> tuple[Borders, Borders]:
        """Of a convolution's input and output."""
        x, y = (
            self._borders.get(value, NO_BORDERS) if value in chosen else NO_BORDERS
            for value in (node.inputs[0], node.output)
        )
        return x, y
