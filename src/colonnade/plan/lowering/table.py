"""The table of lowering functions, one for each operator of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from colonnade.graph.ir import Node, Operator
from colonnade.plan.lowering.context import Lowering

Kind = TypeVar("Kind", bound=Operator)
Function = Callable[[Lowering, Node, Kind], None]

_TABLE: dict[type[Operator], Function[Any]] = {}


def lowers(kind: type[Kind]) -> Callable[[Function[Kind]], Function[Kind]]:
    """Register the function that lowers nodes whose operator is a `kind`: it is given the node and its operator."""

    def register(function: Function[Kind]) -> Function[Kind]:
        if kind in _TABLE:
            raise ValueError(f"operator {kind.__name__} is lowered twice")
        _TABLE[kind] = function
        return function

    return register


def lower_node(to: Lowering, node: Node) -> None:
    """Append the steps of a node. NotImplementedError if nothing lowers its operator."""
    kind = type(node.op)
    if kind not in _TABLE:
        raise NotImplementedError(f"node '{node.name}': no function in plan/lowering lowers {kind.__name__}")
    _TABLE[kind](to, node, node.op)


def lowered_operators() -> frozenset[type[Operator]]:
    """The operators that are in the table."""
    return frozenset(_TABLE)
