"""What the function of an ONNX operator sees: the ONNX node, its operands, and a place to emit graph nodes.

The functions themselves are in `onnx_ops/`, one per ONNX operator, in a table that `operator` fills at import.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL, Node, Operator

MAX_ELEMENTS = 2**29  # two gigabytes in one value: more is a damaged or hostile file


BOOL = np.dtype(bool)


@dataclass(frozen=True)
class Tensor:
    """An activation: known only when the model runs. dtype: its type in ONNX. Values of the graph are real numbers in
    any case: truth values are 1 and 0, and integers are whole."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any] = REAL


@dataclass(frozen=True)
class Constant:
    """A value known at import, of any dtype (shapes and axes are int64)."""

    name: str
    array: np.ndarray


Value = Tensor | Constant


def shape_of(value: Value) -> tuple[int, ...]:
    """Shape of an activation or a constant."""
    return value.shape if isinstance(value, Tensor) else tuple(value.array.shape)


def fresh_name(hint: str, taken: set[str]) -> str:
    """`hint`, or the first of `hint.1`, `hint.2` ... that is not taken. It is then taken.

    Found by halving, as a hostile file gives a hundred thousand nodes one name; where the taken numbers have gaps,
    it is one that is not taken, and perhaps not the first.
    """
    name = hint
    if name in taken:
        low, high = 0, 1  # low is taken, high will be free
        while f"{hint}.{high}" in taken:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if f"{hint}.{middle}" in taken else (low, middle)
        name = f"{hint}.{high}"
    taken.add(name)
    return name


@dataclass
class Builder:
    """The graph so far. `taken` holds the names of values, those of the ONNX file from the start."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    node_names: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class SourceNode:
    """One ONNX node with its operands resolved. `rebatch` is (old, new) when the user changed a fixed batch size."""

    name: str
    op_type: str
    opset: int
    operands: tuple[Value | None, ...]
    attributes: Mapping[str, Any]
    builder: Builder
    rebatch: tuple[int, int] | None = None
    outputs: int = 1  # how many of them have names

    def operand(self, index: int) -> Value | None:
        """The operand, or None when the node leaves it out."""
        return self.operands[index] if index < len(self.operands) else None

    def tensor(self, index: int = 0, rank: int | None = None, any_type: bool = False) -> Tensor:
        """The operand as an activation, of the given rank, and of real numbers unless `any_type`."""
        operand = self.operand(index)
        if not isinstance(operand, Tensor):
            kind = "missing" if operand is None else "a constant"
            raise ColonnadeError(f"input {index} is {kind}; it must be computed from the model's input")
        if operand.dtype != REAL and not any_type:
            raise ColonnadeError(f"input {index} is {operand.dtype}; only {REAL} is supported")
        if rank is not None and len(operand.shape) != rank:
            raise ColonnadeError(f"input {index} has shape {list(operand.shape)}; only rank {rank} is supported")
        return operand

    def constant(self, index: int) -> Constant | None:
        """The operand as a constant, or None when it is left out."""
        operand = self.operand(index)
        if isinstance(operand, Tensor):
            raise ColonnadeError(f"input {index} ('{operand.name}') must be a constant")
        return operand

    def required(self, index: int) -> Constant:
        """The operand as a constant, of any type."""
        constant = self.constant(index)
        if constant is None:
            raise ColonnadeError(f"input {index} is missing")
        return constant

    def weights(self, index: int) -> Constant | None:
        """The operand as a constant of real numbers, or None when it is left out."""
        constant = self.constant(index)
        if constant is not None and constant.array.dtype != REAL:
            raise ColonnadeError(f"input {index} ('{constant.name}') is {constant.array.dtype}; it must be {REAL}")
        return constant

    def required_weights(self, index: int, rank: int | None = None) -> Constant:
        """The operand as a constant of real numbers of the given rank."""
        self.required(index)
        constant = self.weights(index)
        assert constant is not None
        if rank is not None and constant.array.ndim != rank:
            shape = list(constant.array.shape)
            raise ColonnadeError(f"input {index} ('{constant.name}') has shape {shape}; it must have rank {rank}")
        return constant

    def integers(self, name: str, index: int, since: int) -> tuple[int, ...] | None:
        """Integers that are attribute `name` before opset `since`, operand `index` from then on."""
        if self.opset < since:
            values = self.attributes.get(name)
            return None if values is None else tuple(int(v) for v in values)
        constant = self.constant(index)
        return None if constant is None else tuple(int(v) for v in constant.array.reshape(-1))

    def emit(
        self, op: Operator, inputs: Sequence[Value | np.ndarray], shape: Sequence[int], dtype: np.dtype[Any] = REAL
    ) -> Tensor:
        """Append a graph node; arrays among the inputs become constants of the graph."""
        if math.prod(shape) > MAX_ELEMENTS:
            raise ColonnadeError(f"its output of shape {list(shape)} is too large")
        names = tuple(self._use(value) for value in inputs)
        name = fresh_name(self.name, self.builder.node_names)
        output = Tensor(fresh_name(f"{name}/{self.op_type}", self.builder.taken), tuple(int(d) for d in shape), dtype)
        self.builder.nodes.append(Node(name, op, names, output.name))
        self.builder.shapes[output.name] = output.shape
        return output

    def _use(self, value: Value | np.ndarray) -> str:
        if isinstance(value, Tensor):
            return value.name
        if isinstance(value, np.ndarray):
            value = Constant(fresh_name(f"{self.name}/constant", self.builder.taken), value)
        self.builder.constants[value.name] = np.ascontiguousarray(value.array, dtype=REAL).reshape(value.array.shape)
        return value.name


def rename_output(builder: Builder, old: Tensor, new: str) -> Tensor:
    """Give a value of one of the last emitted nodes the name it has in the ONNX file."""
    for i in range(len(builder.nodes) - 1, -1, -1):
        node = builder.nodes[i]
        if old.name in node.inputs:
            builder.nodes[i] = replace(node, inputs=tuple(new if name == old.name else name for name in node.inputs))
        if node.output == old.name:
            builder.nodes[i] = replace(node, output=new)
            break
    builder.shapes[new] = builder.shapes.pop(old.name)
    builder.taken.discard(old.name)
    return replace(old, name=new)


# Gives the value of the node's output, or those of the first outputs.
Reader = Callable[[SourceNode], Value | tuple[Value, ...]]


@dataclass(frozen=True)
class Row:
    """An ONNX operator that can be imported: the function that reads its nodes, in words what of the operator is not
    supported (docs/operators.md), and whether one such node is work enough for a stage between those of a fallback."""

    read: Reader
    limits: str
    is_heavy: bool


_TABLE: dict[str, Row] = {}


def operator(op_type: str, limits: str = "", is_heavy: bool = False) -> Callable[[Reader], Reader]:
    """Register the function that reads nodes of an ONNX operator of the default domain. The others: see Row."""

    def register(read: Reader) -> Reader:
        if op_type in _TABLE:
            raise ValueError(f"operator {op_type} is registered twice")
        _TABLE[op_type] = Row(read, limits, is_heavy)
        return read

    return register


def reader_of(op_type: str) -> Reader | None:
    """The function that reads nodes of an operator, or None when there is none."""
    return _TABLE[op_type].read if op_type in _TABLE else None


def is_heavy(op_type: str) -> bool:
    """See Row."""
    return op_type in _TABLE and _TABLE[op_type].is_heavy


def supported_operators() -> dict[str, str]:
    """The ONNX operators that can be imported, sorted by name, each with its limits."""
    return {name: _TABLE[name].limits for name in sorted(_TABLE)}


def normalize_axis(axis: int, rank: int) -> int:
    """An axis that may count from the end, as one that counts from 0."""
    if not -rank <= axis < rank:
        raise ColonnadeError(f"axis {axis} is outside a tensor of rank {rank}")
    return axis % rank
