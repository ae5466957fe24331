"""Random small graphs for the property tests of the passes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from onnx_checks import random_array

from colonnade.graph.ir import (
    IDENTITY,
    RELU,
    Act,
    Activation,
    Affine,
    Binary,
    Concat,
    Conv,
    Dense,
    GlobalPool,
    Graph,
    Node,
    Operator,
    Pad,
    Pool,
    Reshape,
    Transpose,
)

ACTIVATIONS = (
    IDENTITY,
    RELU,
    Activation(lo=-0.5, hi=0.5),
    Activation(lo=0.0, hi=6.0),
    Activation("sigmoid"),
    Activation("hard_sigmoid", alpha=1 / 6, beta=0.5),
    Activation("hard_sigmoid", alpha=0.2, beta=0.5),
    Activation("hard_swish"),
    Activation("silu"),
    Activation("leaky_relu", alpha=0.1),
)


@dataclass
class GraphBuilder:
    """Nodes are appended one by one; every value gets a name of its own."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def input(self, shape: tuple[int, ...]) -> str:
        name = f"x{len(self.shapes)}"
        self.shapes[name] = shape
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(array, dtype=np.float32)
        return name

    def weights(self, *shape: int) -> str:
        fan_in = max(1, int(np.prod(shape[1:])))
        return self.constant(random_array(shape, len(self.constants)) / fan_in**0.5)

    def add(self, op: Operator, inputs: tuple[str, ...], shape: tuple[int, ...]) -> str:
        output = f"v{len(self.nodes)}"
        self.nodes.append(Node(f"n{len(self.nodes)}", op, inputs, output))
        self.shapes[output] = shape
        return output

    def conv(self, x: str, outputs: int, op: Conv, kernel: tuple[int, int] = (1, 1), *residual: str) -> str:
        n, channels, height, width = self.shapes[x]
        rows, columns = (
            (side + op.pads[i] + op.pads[i + 2] - (kernel[i] - 1) * op.dilations[i] - 1) // op.strides[i] + 1
            for i, side in enumerate((height, width))
        )
        weights = self.weights(outputs, channels // op.groups, *kernel)
        return self.add(op, (x, weights, self.weights(outputs), *residual), (n, outputs, rows, columns))

    def affine(self, x: str, scale: np.ndarray | float, shift: np.ndarray | float, act: Activation = IDENTITY) -> str:
        channels = self.shapes[x][1]
        operands = (self.constant(np.broadcast_to(np.float32(v), (channels,))) for v in (scale, shift))
        return self.add(Affine(act), (x, *operands), self.shapes[x])

    def act(self, x: str, act: Activation) -> str:
        return self.add(Act(act), (x,), self.shapes[x])

    def finish(self, *outputs: str) -> Graph:
        inputs = tuple(name for name in self.shapes if name.startswith("x"))
        return Graph(inputs, outputs, tuple(self.nodes), self.constants, self.shapes)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Ten or so nodes over planes of about 5 x 6, with shared values and several outputs."""
    builder = GraphBuilder()
    values = [builder.input((draw(st.integers(1, 2)), 4, 5, 6))]
    for _ in range(draw(st.integers(1, 12))):
        x = draw(st.sampled_from(values[-3:]))
        step = draw(st.sampled_from(_STEPS_4D if len(builder.shapes[x]) == 4 else _STEPS_2D))
        values.append(step(draw, builder, x, values))
    made = [node.output for node in builder.nodes]
    extra = draw(st.lists(st.sampled_from(made), max_size=2, unique=True))
    return builder.finish(*dict.fromkeys([made[-1], *extra]))


def _conv(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    _, channels, height, width = builder.shapes[x]
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (1, 3)]))
    fits = kernel[0] <= height and kernel[1] <= width
    same = (kernel[0] // 2, kernel[1] // 2) * 2
    pads = draw(st.sampled_from([(0, 0, 0, 0), same])) if fits else same
    op = Conv(pads=pads, groups=draw(st.sampled_from([1, channels])), act=draw(st.sampled_from([IDENTITY, RELU])))
    return builder.conv(x, channels, op, kernel)


def _residual_conv(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    shape = builder.shapes[x]
    residual = draw(st.sampled_from([v for v in values if builder.shapes[v] == shape]))
    return builder.conv(x, shape[1], Conv(residual=True), (1, 1), residual)


def _affine(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    if draw(st.booleans()):
        return builder.affine(x, draw(st.sampled_from([1.0, 1 / 6, -1.0])), draw(st.sampled_from([0.0, 3.0])))
    channels = builder.shapes[x][1]
    return builder.affine(x, random_array([channels], 3), random_array([channels], 4))


def _activation(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    return builder.act(x, draw(st.sampled_from(ACTIVATIONS)))


def _binary(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    shape = builder.shapes[x]
    fitting = [v for v in values if builder.shapes[v] in (shape, (*shape[:2], 1, 1)[: len(shape)])]
    kind = draw(st.sampled_from(["add", "add", "mul"]))
    return builder.add(Binary(kind), (x, draw(st.sampled_from(fitting))), shape)


def _pad(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    n, channels, height, width = builder.shapes[x]
    top, left, bottom, right = draw(st.tuples(*[st.integers(0, 1)] * 4))
    op = Pad((0, 0, top, left), (0, 0, bottom, right), draw(st.sampled_from([0.0, 0.0, 1.0])))
    return builder.add(op, (x,), (n, channels, height + top + bottom, width + left + right))


def _pool(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    pads = draw(st.sampled_from([(0, 0, 0, 0), (1, 0, 1, 0)]))
    height = builder.shapes[x][2]
    kernel = (2, 1) if height + pads[0] + pads[2] >= 2 else (1, 1)
    pads = pads if kernel == (2, 1) else (0, 0, 0, 0)
    op = Pool(draw(st.sampled_from(["max", "avg"])), kernel, pads=pads, count_include_pad=draw(st.booleans()))
    n, channels, _, width = builder.shapes[x]
    return builder.add(op, (x,), (n, channels, height + pads[0] + pads[2] - kernel[0] + 1, width))


def _global_pool(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    return builder.add(GlobalPool("avg"), (x,), (*builder.shapes[x][:2], 1, 1))


def _concat(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    shape = builder.shapes[x]
    return builder.add(Concat(1), (x, x), (shape[0], 2 * shape[1], *shape[2:]))


def _flatten(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    shape = builder.shapes[x]
    return builder.add(Reshape(), (x,), (shape[0], int(np.prod(shape[1:]))))


def _unflatten(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    return builder.add(Reshape(), (x,), (*builder.shapes[x], 1, 1))


def _swap_plane(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    n, channels, height, width = builder.shapes[x]
    return builder.add(Transpose((0, 1, 3, 2)), (x,), (n, channels, width, height))


def _dense(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    rows, features = builder.shapes[x]
    return builder.add(Dense(), (x, builder.weights(4, features), builder.weights(4)), (rows, 4))


def _spelled_hard_swish(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    gate = builder.act(builder.affine(x, 1.0, 3.0), Activation(lo=0.0, hi=6.0))
    if draw(st.booleans()):
        return builder.add(Binary("mul"), (x, builder.affine(gate, 1 / 6, 0.0)), builder.shapes[x])
    return builder.affine(builder.add(Binary("mul"), (x, gate), builder.shapes[x]), 1 / 6, 0.0)


def _gated(draw: st.DrawFn, builder: GraphBuilder, x: str, values: list[str]) -> str:
    gate = builder.act(x, draw(st.sampled_from(ACTIVATIONS)))
    return builder.add(Binary("mul"), (gate, x), builder.shapes[x])


_STEPS_2D = (_affine, _activation, _binary, _concat, _dense, _unflatten, _spelled_hard_swish, _gated)
_STEPS_4D = (
    *(_conv, _conv, _residual_conv, _affine, _affine, _activation, _activation, _binary, _binary),
    *(_pad, _pool, _global_pool, _concat, _flatten, _swap_plane, _spelled_hard_swish, _gated),
)
