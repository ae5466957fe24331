"""The graph every stage works on: static shapes, f32, one output per node, typed operators.

Shapes are in the order of ONNX (N, C, H, W), whatever layout the plan later stores them in. The importer
lowers the many spellings of ONNX to the few operators below; passes rewrite the graph; `reference.py` runs it
in numpy and is the oracle; `plan/` lowers it to steps of the native executor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

F32 = np.dtype(np.float32)

ActivationKind = Literal["clamp", "sigmoid", "hard_sigmoid", "hard_swish", "silu"]


@dataclass(frozen=True)
class Activation:
    """An element-wise function of one variable.

    clamp: min(max(x, lo), hi), which covers identity, Relu, Relu6 and Clip; sigmoid: 1 / (1 + exp(-x));
    hard_sigmoid: min(max(alpha * x + beta, 0), 1); hard_swish: x * min(max(x / 6 + 1 / 2, 0), 1);
    silu: x * sigmoid(x).
    """

    kind: ActivationKind = "clamp"
    lo: float = -np.inf
    hi: float = np.inf
    alpha: float = 0.0
    beta: float = 0.0

    @property
    def is_identity(self) -> bool:
        return self.kind == "clamp" and self.lo == -np.inf and self.hi == np.inf


IDENTITY = Activation()
RELU = Activation(lo=0.0)


@dataclass(frozen=True)
class Conv:
    """y = act(conv(x, w) + b [+ residual]). Inputs: x [N,Cin,H,W], w [Cout,Cin/groups,kh,kw] (constant),
    b [Cout] (constant), and with `residual` a fourth of y's shape. pads = (top, left, bottom, right)."""

    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    residual: bool = False
    act: Activation = IDENTITY


@dataclass(frozen=True)
class Dense:
    """y = act(x @ w.T + b). Inputs: x [N,K], w [O,K] (constant), b [O] (constant)."""

    act: Activation = IDENTITY


@dataclass(frozen=True)
class Pool:
    """Max or average over windows. pads = (top, left, bottom, right) already resolved (SAME, ceil_mode): a window
    may reach past the padded input on the bottom and right, where it counts as absent. `count_include_pad`
    divides an average by the window's elements inside the *declared* padded input (ONNX AveragePool)."""

    kind: Literal["max", "avg"]
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    count_include_pad: bool = False


@dataclass(frozen=True)
class GlobalPool:
    """Reduce H and W to 1 x 1. Input [N,C,H,W], output [N,C,1,1]."""

    kind: Literal["max", "avg"]


@dataclass(frozen=True)
class Affine:
    """y = act(x * scale[c] + shift[c]): batch normalisation, and arithmetic with per-channel or scalar constants.
    Inputs: x (channels on axis 1), scale [C], shift [C] (constants)."""

    act: Activation = IDENTITY


@dataclass(frozen=True)
class Act:
    """y = act(x)."""

    act: Activation


@dataclass(frozen=True)
class Binary:
    """y = act(a op b). Equal shapes, or b is [N,C,1,1] against a [N,C,H,W] (the importer swaps the operands so that
    the broadcast one is b), or b is a constant whose shape broadcasts to a's."""

    kind: Literal["add", "mul"]
    act: Activation = IDENTITY


@dataclass(frozen=True)
class Concat:
    """Join along `axis` (counted from 0)."""

    axis: int


@dataclass(frozen=True)
class Pad:
    """Constant padding of H and W. pads = (top, left, bottom, right), not negative."""

    pads: tuple[int, int, int, int]
    value: float = 0.0


@dataclass(frozen=True)
class Reshape:
    """Same elements in ONNX (row-major NCHW) order, new shape: that of the output value."""


@dataclass(frozen=True)
class Transpose:
    """y.shape[i] = x.shape[perm[i]]; rank at most 6."""

    perm: tuple[int, ...]


@dataclass(frozen=True)
class Softmax:
    """Along `axis` (counted from 0)."""

    axis: int


@dataclass(frozen=True)
class LRN:
    """y = x / (bias + alpha / size * sum of squares over `size` channels around c) ** beta (ONNX LRN)."""

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0


Op = Conv | Dense | Pool | GlobalPool | Affine | Act | Binary | Concat | Pad | Reshape | Transpose | Softmax | LRN


@dataclass(frozen=True)
class Node:
    """One operator: values it reads (activations or constants, by name) and the one value it makes."""

    name: str
    op: Op
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

    def shape(self, value: str) -> tuple[int, ...]:
        """Shape of an activation or a constant."""
        constant = self.constants.get(value)
        return tuple(constant.shape) if constant is not None else self.shapes[value]

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
