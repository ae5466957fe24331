"""The graph every stage works on: static shapes and element types, one output per node, typed operators.

Shapes are in the order of ONNX (N, C, H, W), whatever layout the plan later stores them in. The importer turns the many
spellings of ONNX into the few operators of `operators/`; passes rewrite the graph; `reference.py` runs it in numpy and
is the oracle; `plan/` lowers it to steps of the native executor. Operators and activations are imported from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from colonnade.elements import DEFAULT, Element, element_of_dtype
from colonnade.graph.activations import IDENTITY as IDENTITY
from colonnade.graph.activations import RELU as RELU
from colonnade.graph.activations import Activation as Activation
from colonnade.graph.operators.activation import *  # noqa: F403  (every operator, without a list of them)
from colonnade.graph.operators.arithmetic import *  # noqa: F403
from colonnade.graph.operators.base import REAL as REAL
from colonnade.graph.operators.base import Operator as Operator
from colonnade.graph.operators.convolution import *  # noqa: F403
from colonnade.graph.operators.matrix import *  # noqa: F403
from colonnade.graph.operators.normalization import *  # noqa: F403
from colonnade.graph.operators.pool import *  # noqa: F403
from colonnade.graph.operators.reduce import *  # noqa: F403
from colonnade.graph.operators.shape import *  # noqa: F403


@dataclass(frozen=True)
class Node:
    """One operator: values it reads (activations or constants, by name) and the one value it makes."""

    name: str
    op: Operator
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can run. Every name in `inputs`, `nodes` and `outputs` has an entry in
    `shapes`, or is a constant. Frozen: a pass returns a new graph."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    shapes: Mapping[str, tuple[int, ...]]
    name: str = field(default="model")
    elements: Mapping[str, Element] = field(default_factory=dict)  # of inputs, those of `elements.DEFAULT` left out
    notes: tuple[str, ...] = ()  # what the importer did otherwise than the file says, for the user to know

    def shape(self, value: str) -> tuple[int, ...]:
        """Shape of an activation or a constant."""
        constant = self.constants.get(value)
        return tuple(constant.shape) if constant is not None else self.shapes[value]

    def element(self, value: str) -> Element:
        """Element type of an activation or a constant."""
        constant = self.constants.get(value)
        return self._elements[value] if constant is None else element_of_dtype(constant.dtype)

    @cached_property
    def _elements(self) -> dict[str, Element]:
        found = {name: self.elements.get(name, DEFAULT) for name in self.inputs}
        for node in self.nodes:
            known = [found[name] if name in found else self.element(name) for name in node.inputs]
            found[node.output] = node.op.element(known)
        return found

    def consumers(self) -> dict[str, list[Node]]:
        """Nodes that read each value, in running order."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for value in dict.fromkeys(node.inputs):
                readers.setdefault(value, []).append(node)
        return readers

    def producers(self) -> dict[str, Node]:
        """The node that makes each value."""
        return {node.output: node for node in self.nodes}
