"""Small graphs, compiled and run for one instruction set, and the comparison with the numpy oracle."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np

from colonnade.graph.ir import (
    IDENTITY,
    LRN,
    Act,
    Activation,
    Affine,
    Binary,
    Concat,
    Conv,
    Dense,
    Expand,
    Gather,
    GlobalPool,
    Graph,
    Map,
    MatMul,
    Node,
    Operator,
    Pad,
    Pool,
    Reduce,
    Resample,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from colonnade.graph.reference import run_reference
from colonnade.modelfile.program import Program
from colonnade.modelfile.writer import write
from colonnade.plan.choose.borders import border_groups
from colonnade.plan.choose.tuner import Choice, NetworkPlan, default_plan
from colonnade.plan.lower import lower
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.plan.ways import ALL_STRIPS, Candidate, Columns, Vertical, Windows, Winograd
from colonnade.runtime.binding import checksum, targets
from colonnade.runtime.session import Session
from colonnade.target.targets import Target, target_named

RUNNABLE: tuple[Target, ...] = tuple(target_named(name) for name, runs in targets() if runs)

CONVOLUTIONS = ("cnm", "winograd", "vertical", "depthwise")  # kinds of steps

ACTIVATIONS = (
    IDENTITY,
    Activation(lo=0.0),
    Activation(lo=0.0, hi=6.0),
    Activation(hi=-0.25),
    Activation(lo=-0.5, hi=0.5),
    Activation("sigmoid"),
    Activation("hard_sigmoid", alpha=1 / 6, beta=0.5),
    Activation("hard_sigmoid", alpha=0.2, beta=0.5),
    Activation("hard_swish"),
    Activation("silu"),
    Activation("leaky_relu", alpha=0.1),
)


@dataclass(frozen=True)
class Compiled:
    """Bytes of a model file."""

    data: bytes


@dataclass
class GraphBuilder:
    """Collects nodes; inputs are called x0, x1 ..., constants c0 ..., results y0 ..., nodes n0 ..."""

    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    results: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def input(self, *shape: int) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs[name] = shape
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(array, np.float32)
        return name

    def random(self, *shape: int) -> str:
        """A constant of normal numbers, the same for the same place in the graph."""
        return self.constant(random_array(shape, 100 + len(self.constants)))

    def shape(self, value: str) -> tuple[int, ...]:
        return {**self.inputs, **self.results}[value]

    def add(self, op: Operator, shape: tuple[int, ...], *inputs: str) -> str:
        name = f"y{len(self.nodes)}"
        self.nodes.append(Node(f"n{len(self.nodes)}", op, inputs, name))
        self.results[name] = shape
        return name

    def conv(self, op: Conv, x: str, weights: np.ndarray, *residual: str) -> str:
        """A convolution with a bias of normal numbers; its shape follows from its operands."""
        batch, _, *sides = self.shape(x)
        out = [
            (side + op.pads[i] + op.pads[i + 2] - (weights.shape[2 + i] - 1) * op.dilations[i] - 1) // op.strides[i] + 1
            for i, side in enumerate(sides)
        ]
        shape = (batch, weights.shape[0], *out)
        return self.add(op, shape, x, self.constant(weights), self.random(weights.shape[0]), *residual)

    def graph(self, *outputs: str) -> Graph:
        shapes = {**self.inputs, **self.results}
        return Graph(tuple(self.inputs), outputs, tuple(self.nodes), self.constants, shapes)


def one_convolution(op: Conv, x_shape: tuple[int, ...], weights: np.ndarray) -> Graph:
    """A graph of it alone; its residual, if it adds one, is the second input."""
    b = GraphBuilder()
    x = b.input(*x_shape)
    probe = GraphBuilder(inputs=dict(b.inputs))
    shape = probe.shape(probe.conv(op, x, weights))
    residual = [b.input(*shape)] if op.residual else []
    return b.graph(b.conv(op, x, weights, *residual))


def random_array(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Normal numbers in float32."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def random_feeds(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """Normal numbers for every input."""
    return {name: random_array(graph.shape(name), seed + index) for index, name in enumerate(graph.inputs)}


def network_plan(
    problems: Mapping[str, ConvProblem], chosen: Mapping[str, Candidate], chains: AbstractSet[str] = frozenset()
) -> NetworkPlan:
    """One that nobody has measured."""
    return NetworkPlan(problems, {name: Choice(candidate) for name, candidate in chosen.items()}, frozenset(chains))


def program_of(
    graph: Graph,
    target: Target,
    candidate: Candidate | Mapping[str, Candidate] | None = None,
    threads: int = 1,
    chains: AbstractSet[str] = frozenset(),
) -> Program:
    """The graph lowered: all convolutions by `candidate`, those named in it by theirs, others by the default plan.
    chains: see `NetworkPlan`."""
    problems = conv_problems(graph)
    chosen = dict.fromkeys(problems, candidate) if isinstance(candidate, Candidate) else dict(candidate or {})
    if border_groups(graph) or problems.keys() - chosen.keys():  # else there is nothing left to plan
        plan = default_plan(graph, target)
        problems, chosen = dict(plan.problems), plan.candidates | chosen
    return lower(graph, target, network_plan(problems, chosen, chains))


def model_of(
    graph: Graph,
    target: Target,
    candidate: Candidate | Mapping[str, Candidate] | None = None,
    threads: int = 1,
    chains: AbstractSet[str] = frozenset(),
) -> Compiled:
    """The graph as a model file in memory."""
    return Compiled(write(program_of(graph, target, candidate, threads, chains), checksum))


def small_network(batch: int = 1) -> Graph:
    """A network with every kind of step and, by `small_network_candidates`, every way to run a convolution: two
    inputs, and three outputs of which two are used inside as well."""
    b = GraphBuilder()
    image, extra = b.input(batch, 3, 9, 9), b.input(batch, 4, 5, 5)
    relu = Activation(lo=0.0)
    sparse = random_array((8, 3, 3, 3), 1) * (random_array((1, 3, 3, 3), 2) > 0)
    stem = b.conv(Conv(strides=(2, 2), pads=(1, 1, 1, 1), act=relu), image, sparse)
    depthwise = b.conv(Conv(pads=(1, 1, 1, 1), groups=8), stem, random_array((8, 1, 3, 3), 3))
    direct = b.conv(Conv(act=Activation("silu")), depthwise, random_array((4, 8, 1, 1), 4))
    packed = b.conv(Conv(pads=(1, 1, 1, 1), residual=True), direct, random_array((4, 4, 3, 3), 5), extra)
    grouped = b.conv(Conv(groups=2), packed, random_array((4, 2, 1, 1), 6))
    winograd = b.conv(Conv(pads=(1, 1, 1, 1), residual=True, act=relu), grouped, random_array((4, 4, 3, 3), 7), extra)
    vertical = b.conv(Conv(pads=(1, 1, 1, 1), residual=True), winograd, random_array((4, 4, 3, 3), 9) / 6, extra)
    window = b.conv(Conv(pads=(1, 1, 1, 1), groups=4), vertical, random_array((4, 1, 3, 3), 8))
    plane = (batch, 4, 5, 5)
    pooled = b.add(Pool("max", (3, 3), (1, 1), (1, 1, 1, 1)), plane, window)
    affine = b.add(Affine(Activation("hard_swish")), plane, packed, b.random(4), b.random(4))
    joined = b.add(Concat(1), (batch, 12, 5, 5), pooled, affine, extra)
    normal = b.add(LRN(3), (batch, 12, 5, 5), joined)
    padded = b.add(Pad((0, 0, 0, 1), (0, 0, 1, 0), 0.5), (batch, 12, 6, 6), normal)
    gate = b.add(Act(Activation("sigmoid")), (batch, 12, 1, 1), b.add(GlobalPool("avg"), (batch, 12, 1, 1), padded))
    gated = b.add(Binary("mul"), (batch, 12, 6, 6), padded, gate)
    turned = b.add(Transpose((0, 1, 3, 2)), (batch, 12, 6, 6), gated)
    spread = b.add(Map("max(x0, x1) - x2 * x1"), (batch, 12, 6, 6), turned, gate, b.random(6, 1))
    mirrored = b.add(Gather(3, (5, 4, 3, 2, 1, -1)), (batch, 12, 6, 6), spread)
    part = b.add(Slice((0, 0, 1, 0), (1, 2, 1, 2)), (batch, 6, 3, 3), mirrored)
    rows = b.add(Resample(2, ((0, 1), (2, 2)), ((0.5, 0.5), (0.25, 0.75))), (batch, 6, 2, 3), part)
    wide = b.add(Expand(), (batch, 6, 3, 6), b.add(Slice((0, 0, 0, 0), (1, 1, 1, 1)), (batch, 6, 3, 1), part))
    product = b.add(MatMul(), (batch, 6, 2, 6), rows, wide)
    top = b.add(Reduce("max", (2, 3)), (batch, 6, 1, 1), product)
    added = b.add(Binary("add"), (batch, 12, 6, 6), turned, b.add(Concat(1), (batch, 12, 1, 1), top, top))
    flat = b.add(Reshape(), (batch, 432), added)
    dense = b.add(Dense(relu), (batch, 10), flat, b.random(10, 432), b.random(10))
    return b.graph(b.add(Softmax(1), (batch, 10), dense), dense, affine)


def bottlenecks(side: int) -> Graph:
    """A convolution and two residual blocks of three: n0 and n1, n3 and n4 follow each other at the ends of blocks."""
    b = GraphBuilder()
    relu = Activation(lo=0.0)
    x = b.conv(Conv(act=relu), b.input(1, 8, side, side), random_array((60, 8, 1, 1)))
    for _ in range(2):
        inner = b.conv(Conv(act=relu), x, random_array((15, 60, 1, 1), len(b.nodes)))
        inner = b.conv(Conv(pads=(1, 1, 1, 1), act=relu), inner, random_array((15, 15, 3, 3), len(b.nodes)))
        x = b.conv(Conv(residual=True, act=relu), inner, random_array((60, 15, 1, 1), len(b.nodes)), x)
    return b.graph(x)


def small_classifier(batch: int) -> Graph:
    """n0, n1: convolutions; n2: pool; n3: flattened; n4: fully connected. All but the last are the same for each image
    of a batch."""
    b = GraphBuilder()
    x = b.conv(Conv(pads=(1, 1, 1, 1)), b.input(batch, 3, 9, 9), random_array((8, 3, 3, 3)))
    x = b.conv(Conv(residual=True), x, random_array((8, 8, 1, 1), 1), x)
    flat = b.add(Reshape(), (batch, 8), b.add(GlobalPool("avg"), (batch, 8, 1, 1), x))
    return b.graph(b.add(Dense(), (batch, 5), flat, b.random(5, 8), b.random(5)))


def small_network_candidates(threads: int) -> dict[str, Candidate]:
    """For the convolutions of `small_network`: prepared, in groups, direct, packed, in groups as it lies, Winograd's
    transform in two dimensions and in one, and window kernels."""
    return {
        "n0": Columns(3, 2, blocks=2),
        "n1": Columns(1, 2),
        "n2": Columns(2, 1, panel=3),
        "n3": Columns(4, 2, access="packed", blocks=3, panel=ALL_STRIPS),
        "n4": Columns(2, 1),
        "n5": Winograd(3, 2, m=2, panel=1),
        "n6": Vertical(3, 2, m=4, panel=1),
        "n7": Windows(2, 1),
    }


def run_graph(
    graph: Graph,
    target: Target,
    feeds: Mapping[str, np.ndarray],
    candidate: Candidate | Mapping[str, Candidate] | None = None,
    threads: int = 1,
    chains: AbstractSet[str] = frozenset(),
) -> dict[str, np.ndarray]:
    """Outputs of the compiled graph, by name."""
    session = Session(model_of(graph, target, candidate, threads, chains), threads=threads)
    return dict(zip(graph.outputs, session.run(None, feeds), strict=True))


def check_graph(
    graph: Graph,
    target: Target,
    feeds: Mapping[str, np.ndarray] | None = None,
    candidate: Candidate | Mapping[str, Candidate] | None = None,
    threads: int = 1,
    tolerance: float = 1e-5,
    chains: AbstractSet[str] = frozenset(),
) -> None:
    """Compile, run, and compare every output with the oracle."""
    feeds = feeds or random_feeds(graph)
    expected = run_reference(graph, feeds)
    for name, actual in run_graph(graph, target, feeds, candidate, threads, chains).items():
        assert_close(actual, expected[name], tolerance)


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    """Equal shapes; NaN and infinities in the same places; the rest within `tolerance` of the largest magnitude,
    which counts as 1 when it is less."""
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    scale = max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    np.testing.assert_allclose(actual[finite], expected[finite], rtol=0, atol=tolerance * scale)
