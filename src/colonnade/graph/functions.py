"""How much the local functions of an ONNX model become when they are inlined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import onnx

from colonnade.errors import ColonnadeError

MAX_DEPTH = 64  # of functions that call functions, and of graphs in graphs
SPARE_NODES = 2**16
BODY_NODES = 256  # more than ONNX's own functions have
SPARE_BYTES = 64 * 2**20
Key = tuple[str, str, str]


def check_inlining(model: onnx.ModelProto) -> None:
    """ColonnadeError if inlining all functions would make far more nodes or bytes than the file has, or never end.

    A function of a few bytes that calls another one twice, and so on thirty times, is a billion nodes.
    """
    size = model.ByteSize()
    calls = _Calls({(f.domain, f.name, f.overload): f for f in model.functions})
    nodes, amount = calls.within(model.graph.node, 0)
    if nodes > 4 * len(model.graph.node) + SPARE_NODES or amount > 4 * size + SPARE_BYTES:
        raise ColonnadeError(
            f"its functions cannot be inlined: that makes {_count(nodes)} nodes and {_count(amount)} bytes"
        )


def check_expansion(calls: int, model: onnx.ModelProto) -> None:
    """ColonnadeError if so many calls of ONNX's own functions would make far more nodes than the model has."""
    nodes = calls * BODY_NODES
    if nodes > 4 * len(model.graph.node) + SPARE_NODES:
        raise ColonnadeError(f"its functions cannot be inlined: {calls} operators may make {_count(nodes)} nodes")


def _count(number: int) -> str:
    return str(number) if number < 10**15 else "more than 10^15"


@dataclass
class _Calls:
    """What each function becomes, asked for once."""

    functions: dict[Key, onnx.FunctionProto]
    known: dict[Key, tuple[int, int]] = field(default_factory=dict)
    open: set[Key] = field(default_factory=set)

    def within(self, nodes: Iterable[onnx.NodeProto], depth: int) -> tuple[int, int]:
        """(nodes, bytes) that a list of nodes becomes."""
        count = amount = 0
        for node in nodes:
            count, amount = count + 1, amount + node.ByteSize()
            for attribute in node.attribute:
                for graph in (attribute.g, *attribute.graphs):
                    inner = self.within(graph.node, self._deeper(depth, node.op_type))
                    count, amount = count + inner[0], amount + inner[1]
            key = (node.domain, node.op_type, node.overload)
            if key in self.functions:
                inner = self._of(key, self._deeper(depth, node.op_type))
                # A call's names and attributes go to every node of the body that names them.
                count, amount = count + inner[0], amount + inner[1] + inner[0] * node.ByteSize()
        return count, amount

    def _of(self, key: Key, depth: int) -> tuple[int, int]:
        if key in self.open:
            raise ColonnadeError(f"its functions cannot be inlined: function '{key[1]}' calls itself")
        if key not in self.known:
            self.open.add(key)
            self.known[key] = self.within(self.functions[key].node, depth)
            self.open.remove(key)
        return self.known[key]

    def _deeper(self, depth: int, name: str) -> int:
        if depth == MAX_DEPTH:
            raise ColonnadeError(f"its functions cannot be inlined: '{name}' is called through {MAX_DEPTH} others")
        return depth + 1
