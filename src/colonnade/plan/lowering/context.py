"""What the lowering function of an operator sees: the graph, where its values are, and the program to append to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from colonnade.elements import element_of_dtype
from colonnade.graph.ir import Graph, Node
from colonnade.modelfile.program import Program, Step, Storage, View, bound_value
from colonnade.plan.choose.tuner import NetworkPlan
from colonnade.plan.copy import Strided, copy_step, dense
from colonnade.plan.lowering.places import Order, Places, same_in_both_orders
from colonnade.plan.planes import Borders

_ORDERS: tuple[Order, ...] = ("cn", "plain", "bordered")


class Lowering:
    """One graph on its way into a program."""

    def __init__(
        self,
        graph: Graph,
        program: Program,
        made: Mapping[str, tuple[Order, View]],
        plan: NetworkPlan,
        borders: Mapping[str, Borders],
    ) -> None:
        self.graph = graph
        self.program = program
        self.target = program.target
        self.plan = plan
        self.places = Places(graph, borders)
        self.readers = graph.consumers()
        self.number = {node.output: number for number, node in enumerate(graph.nodes)}  # of the node that makes a value
        for name, (order, view) in made.items():
            self.places.bind(name, order, view)
        for index, name in enumerate(graph.outputs):
            self.program.outputs.append(bound_value(name, graph.shape(name), graph.element(name), "output", index))

    # Steps

    def emit(self, step: str, name: str, views: dict[str, View | None], **fields: object) -> None:
        """Append a step of the kind `step` (modelfile/records.py), for the node `name`."""
        self.program.steps.append(Step(step, name, views, fields))

    def copy(self, name: str, shape: tuple[int, ...], source: Strided, target: Strided) -> None:
        """Append a step that copies `shape` elements."""
        self.program.steps.append(copy_step(name, shape, source, target))

    # Values

    def read(self, value: str, order: Order) -> View:
        """A value in `order`, converted if it was made in another."""
        known = self.places.known(value, order)
        if known is not None:
            return known
        if value in self.graph.constants:
            view = self.constant(self.graph.constants[value], order)
            self.places.bind(value, order, view)
            return view
        source = next(other for other in _ORDERS if self.places.known(value, other))
        target = self.places.view(value, order)
        name = f"layout:{value}"
        if order == "bordered":
            self.emit("fill", name, {"y": target}, count=target.storage.elements, value=0.0)
        walked = (self.places.walked(value, o, self.places.view(value, o)) for o in (source, order))
        self.copy(name, self.graph.shape(value), *walked)
        return target

    def read_image(self, value: str) -> View:
        """A value as convolutions and pools take it."""
        return self.read(value, self.places.image_order(value))

    def any_order(self, value: str) -> Order:
        """The order in which a value is at hand, for operators that work in either."""
        return "cn" if self.places.known(value, "cn") is not None or value in self.graph.constants else "plain"

    def order_at_hand(self, value: str) -> Order:
        """An order in which a value exists already, for operators that work in any, borders and all."""
        return next(order for order in _ORDERS if self.places.known(value, order) is not None)

    def walk(self, value: str) -> Strided:
        """A value where it is at hand, walked as ONNX orders its axes."""
        if value in self.graph.constants:
            return dense(self.constant(self.graph.constants[value], "plain"), self.graph.shape(value))
        order = self.order_at_hand(value)
        return self.places.walked(value, order, self.read(value, order))

    def take(self, node: Node, source: Strided) -> None:
        """Make a node's output of `source`, walked along the output's axes: it is a view of it where that is dense data
        that nobody else has a place for, and else a copy."""
        value, shape = node.output, self.graph.shape(node.output)
        orders: tuple[Order, ...] = ("plain", "cn")
        for order in orders:
            walked = self.places.walked(value, order, source.view)
            same = all(a == b for n, a, b in zip(shape, walked.strides, source.strides, strict=True) if n > 1)
            owned = value in self.graph.outputs or self.places.is_slice(value)
            if same and not owned and source.view.storage.kind == "arena":
                self.places.bind(value, order, source.view)
                return
        made = orders[len(shape) == 4]
        target = self.places.walked(value, made, self.write(node, made))
        self.copy(node.name, shape, source, target)

    def constant(self, array: np.ndarray, order: Order) -> View:
        """An array stored among the constants."""
        stored = array if order == "plain" or array.ndim < 2 else np.swapaxes(array, 0, 1)
        element = element_of_dtype(array.dtype)
        at = self.program.constants.add(stored, element)
        return View(Storage(element, array.size * element.bytes, "constant", at))

    def add_constant(self, name: str) -> int:
        """The byte at which a constant of the graph begins among those of the program."""
        return self.program.constants.add(self.graph.constants[name], self.graph.element(name))

    def write(self, node: Node, order: Order) -> View:
        """Where a node's output goes: straight to the caller's buffer if that is its only use and its order."""
        value = node.output
        is_output = value in self.graph.outputs and value not in self.readers
        plain = order == "plain" or (order == "cn" and same_in_both_orders(self.graph.shape(value)))
        if is_output and plain and self.graph.outputs.count(value) == 1:
            index = self.graph.outputs.index(value)
            self.places.bind(value, order, View(self.program.outputs[index].storage))
        return self.places.view(value, order)

    def finish(self) -> None:
        """Copy the graph's outputs that were not written in place."""
        for value in self.graph.outputs:
            for target in (v for v in self.program.outputs if v.name == value):
                source = self.read(value, "plain")
                if source.storage is not target.storage:
                    shape = target.shape
                    self.copy(value, shape, dense(source, shape), dense(View(target.storage), shape))
