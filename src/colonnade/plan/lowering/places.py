"""Where every value of a graph lives: its storage, its place inside it, and the order of its elements.

Three orders: `plain`, ONNX's row-major; `cn`, the first two axes swapped (CNHW for images); and `bordered`, CNHW with
zeros around each image, for the values that were chosen for it (plan/choose/borders.py). The first two are the same
bytes when either axis is 1, so at batch 1 nothing is ever converted between them. A channel concat in `cn` is
contiguous: its parts are made in place, as slices of one storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from colonnade.graph.ir import Concat, Graph
from colonnade.modelfile.program import View, elements_of, room_for
from colonnade.plan.copy import Strided, row_major
from colonnade.plan.planes import NO_BORDERS, Borders, Planes

Order = Literal["plain", "cn", "bordered"]


def same_in_both_orders(shape: tuple[int, ...]) -> bool:
    """Whether swapping the first two axes moves nothing."""
    return len(shape) < 2 or shape[0] == 1 or shape[1] == 1


def swapped(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Dimensions as stored in `cn` order; swapping twice gives them back."""
    return (shape[1], shape[0], *shape[2:]) if len(shape) >= 2 else shape


@dataclass(frozen=True)
class Slice:
    """A value made inside another: `at` elements from the start of value `whole`."""

    whole: str
    at: int


def concat_slices(graph: Graph) -> dict[str, Slice]:
    """Values that can be made (or seen) in place inside the output of a channel concat, both in `cn` order.

    Longest concats first: a concat whose parts already lie side by side in a longer one is itself a slice of it, which
    is every concat of a DenseNet block but the last.
    """
    makers = graph.producers()
    slices: dict[str, Slice] = {}
    concats = [node for node in graph.nodes if isinstance(node.op, Concat) and node.op.axis == 1]
    for node in sorted(concats, key=lambda node: -elements_of(graph.shape(node.output))):
        if node.output in graph.outputs:
            continue
        at = 0
        for part in node.inputs:
            free = part in makers and part not in slices and part not in graph.outputs
            if free and not _contains(slices, part, node.output):
                slices[part] = Slice(node.output, at)
            at += elements_of(graph.shape(part))
        inherited = _common_slice(graph, slices, node.inputs)
        if inherited and node.output not in slices and inherited.whole != node.output:
            slices[node.output] = inherited
    return slices


def _contains(slices: dict[str, Slice], outer: str, inner: str) -> bool:
    """Whether value `inner` already lies inside `outer`."""
    while inner in slices:
        inner = slices[inner].whole
        if inner == outer:
            return True
    return False


def _common_slice(graph: Graph, slices: dict[str, Slice], parts: tuple[str, ...]) -> Slice | None:
    """The slice that all `parts` form together, when they lie side by side in one value."""
    first = slices.get(parts[0])
    if first is None:
        return None
    at = first.at
    for part in parts:
        if slices.get(part) != Slice(first.whole, at):
            return None
        at += elements_of(graph.shape(part))
    return first


class Places:
    """Views of the graph's values, made when first asked for. `borders`: of the values that have some."""

    def __init__(self, graph: Graph, borders: Mapping[str, Borders]) -> None:
        self._graph = graph
        self._borders = borders
        self._slices = concat_slices(graph)
        self._views: dict[tuple[str, Order], View] = {}

    def is_slice(self, value: str) -> bool:
        return value in self._slices

    def beside(self, value: str) -> set[str]:
        """The other values that lie in the same memory, or did."""
        mine = {view.storage for (name, _), view in self._views.items() if name == value}
        return {name for (name, _), view in self._views.items() if name != value and view.storage in mine}

    def known(self, value: str, order: Order) -> View | None:
        return self._views.get((value, order))

    def image_order(self, value: str) -> Order:
        """The order in which convolutions and pools take and make a value."""
        return "bordered" if value in self._borders else "cn"

    def planes(self, value: str) -> Planes:
        """The planes of an image in its `image_order`."""
        height, width = self._graph.shape(value)[2:]
        return Planes(height, width, self._borders.get(value, NO_BORDERS), self._graph.element(value))

    def bind(self, value: str, order: Order, view: View) -> None:
        """Fix where a value lives; in both orders where they are the same bytes."""
        self._views[value, order] = view
        if order != "bordered" and same_in_both_orders(self._graph.shape(value)):
            self._views[value, "cn" if order == "plain" else "plain"] = view

    def view(self, value: str, order: Order) -> View:
        """Where a value in `order` lives; storage is made for it, or for what it is a slice of."""
        known = self._views.get((value, order))
        if known is not None:
            return known
        shape, element = self._graph.shape(value), self._graph.element(value)
        slices = order == "cn" or (order == "plain" and same_in_both_orders(shape))
        part = self._slices.get(value) if slices else None
        if part is not None:
            whole = self.view(part.whole, "cn")
            self.bind(value, order, whole.shifted(part.at))
        elif order == "bordered":
            self.bind(value, order, View(room_for(shape[0] * shape[1] * self.planes(value).elements, element)))
        else:
            self.bind(value, order, View(room_for(elements_of(shape), element)))
        return self._views[value, order]

    def walked(self, value: str, order: Order, view: View) -> Strided:
        """A value that lies at `view` in `order`, walked as ONNX orders its axes."""
        shape = self._graph.shape(value)
        if order == "bordered":
            planes = self.planes(value)
            channel, image, *inner = planes.strides(shape[0])
            return Strided(view.shifted(planes.origin), (image, channel, *inner))
        if order == "plain" or len(shape) < 2:
            return Strided(view, row_major(shape))
        first, second, *rest = row_major(swapped(shape))
        return Strided(view, (second, first, *rest))
