"""Small graphs of convolutions, and everything that may be chosen for them, drawn from `WAYS`.

What is drawn comes from a `Picker` (candidates.py). The names of levels are those of mechanisms.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from candidates import Picker, draw_candidate, fields_of
from layers import ACTIVATIONS, RUNNABLE, Compiled, GraphBuilder, assert_close, random_array, random_feeds
from zeros import PATTERNS, with_zeros

from colonnade.graph.ir import Activation, Conv, Graph, Pool, Transpose
from colonnade.graph.reference import run_reference
from colonnade.modelfile.program import Program
from colonnade.modelfile.writer import write
from colonnade.plan.choose.tuner import Choice, NetworkPlan
from colonnade.plan.images import Part, lower_parts, plan_parts
from colonnade.plan.planes import NO_BORDERS, Borders
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.plan.ways import Columns
from colonnade.runtime.binding import checksum
from colonnade.runtime.session import Session
from colonnade.target.targets import Target

NODES = 5
SIDES = range(1, 41)
CHANNELS = range(1, 71)
KERNELS = range(2, 8)
MOST_MACS = 1 << 20  # of one convolution, if it has more than one output channel
TOLERANCE = 1e-4  # of the largest magnitude: Winograd's transforms round, one convolution after the other
SAME = (1, 1, 1, 1)
BORDERS: tuple[Borders, ...] = ((1, 2, 0, 1), (0, 0, 2, 3), SAME)
THREADS = {"1 thread": 1, "2 threads": 2, "3 threads": 3}
INPUTS = ("reads what callers gave", "reads the arena")
OUTPUTS = ("writes what callers gave", "writes the arena")


@dataclass(frozen=True)
class Case:
    """A graph with all that was chosen for it; zeros: the pattern of each convolution's weights."""

    target: Target
    threads: int
    graph: Graph
    parts: tuple[Part, ...]
    zeros: Mapping[str, str]

    def program(self) -> Program:
        return lower_parts(self.parts, self.target)

    def check(self, program: Program) -> None:
        """Outputs of `program` are the oracle's, and the same in a second run, whose memory holds what the first
        left."""
        feeds = random_feeds(self.graph)
        session = Session(Compiled(write(program, checksum)), threads=self.threads)
        expected = run_reference(self.graph, feeds)
        first, second = (session.run(None, feeds) for _ in range(2))
        for name, one, other in zip(self.graph.outputs, first, second, strict=True):
            assert_close(one, expected[name], TOLERANCE)
            np.testing.assert_array_equal(one, other)


def draw_case(pick: Picker) -> Case:
    """Two to five nodes, one to three of them convolutions after one another."""
    targets = {target.name: target for target in reversed(RUNNABLE)}
    target = targets[pick.level("target", [*targets])]
    threads = THREADS[pick.level("threads", [*THREADS])]
    images = pick.level("images", ("one image", "images together", "images apart"))
    apart = images == "images apart"
    drawing = _Drawing(pick, alone=apart)
    drawing.run(1 if images == "one image" else 3)

    def plan_of(graph: Graph) -> NetworkPlan:
        problems = _with_borders(graph, drawing)
        return NetworkPlan(problems, _draw_choices(pick, drawing, problems, target), drawing.chains)

    graph = drawing.graph
    parts = plan_parts(graph, plan_of) if apart else (Part(graph, plan_of(graph)),)
    return Case(target, threads, graph, parts, drawing.zeros)


class _Drawing:
    """A graph under way. alone: its input is the only one, its images meet at the end; chains: convolutions that the
    next may follow panel by panel."""

    def __init__(self, pick: Picker, alone: bool) -> None:
        self.pick, self.alone, self.b = pick, alone, GraphBuilder()
        self.zeros: dict[str, str] = {}
        self._chains: list[str] = []
        self._borders: dict[str, Borders] = {}
        self._like: dict[str, str] = {}  # a residual's borders are those of what it is added to

    @property
    def chains(self) -> frozenset[str]:
        return frozenset(self._chains)

    def borders(self, value: str) -> Borders:
        return self._borders.get(self._like.get(value, value), NO_BORDERS)

    def run(self, batch: int) -> None:
        pick, b = self.pick, self.b
        height = pick.value(SIDES)
        width = pick.value([*SIDES, *[height] * len(SIDES)])  # half of the images are square
        image = value = b.input(batch, pick.value(CHANNELS), height, width)
        if pick.level("input", INPUTS) == INPUTS[1]:
            value = self.pool(value)
        for _ in range(pick.value((1, 2, 3))):
            if len(b.nodes) < NODES - self.alone:
                value = self.convolution(value)
        self.decide("y borders", value, ("no y borders", "y borders"))
        if self.alone:
            images, channels, *sides = b.shape(value)
            value = b.add(Transpose((1, 0, 2, 3)), (channels, images, *sides), value)
        elif len(b.nodes) < NODES and self.pick.level("output", OUTPUTS) == OUTPUTS[1]:
            value = self.pool(value)
        others = [self.pool(image)] if len(b.nodes) == 1 else []
        self.graph = b.graph(value, *others)

    def pool(self, x: str) -> str:
        return self.b.add(Pool("max", (3, 3), (1, 1), SAME), self.b.shape(x), x)

    def decide(self, factor: str, value: str, levels: Sequence[str], padding: Borders = NO_BORDERS) -> None:
        """The borders of a value; the first level is that it has none."""
        name = self._like.get(value, value)
        if name not in self._borders:
            level = self.pick.level(factor, levels)
            some = padding if level == "x borders hold the padding" else self.pick.value(BORDERS)
            self._borders[name] = NO_BORDERS if level == levels[0] else some

    def convolution(self, x: str) -> str:
        b, pick = self.b, self.pick
        if b.nodes and isinstance(b.nodes[-1].op, Conv) and self.borders(x) == NO_BORDERS:
            chain = pick.level("chain", ("alone", "second of a chain"))
        else:
            chain = "alone"
        op, kernel = self.geometry(x)
        if chain == "alone":
            holding = ("x borders hold the padding",) if any(op.pads) else ()
            self.decide("x borders", x, ("no x borders", *holding, "other x borders"), op.pads)
        else:
            op, kernel = Conv(dilations=op.dilations, groups=op.groups), (1, 1)
            self._borders[self._like.get(x, x)] = NO_BORDERS
            self._chains.append(b.nodes[-1].name)
        rows = self.rows(x, op, kernel)
        residual = self.residual(x, op, kernel, rows)
        op = replace(op, residual=bool(residual), act=self.activation())
        y = b.conv(op, x, self.weights(x, op, kernel, rows), *residual)
        if residual:
            self._like[y] = self._like.get(residual[0], residual[0])
        return y

    def geometry(self, x: str) -> tuple[Conv, tuple[int, int]]:
        """Without residual and activation; a kernel that is larger than the padded image gets more padding."""
        pick, (_, channels, *sides) = self.pick, self.b.shape(x)
        divisors = [n for n in range(2, channels) if channels % n == 0]
        levels = ["one group", *["depthwise"] * (channels > 1), *["several groups"] * bool(divisors)]
        level = pick.level("groups", levels)
        groups = {"one group": 1, "depthwise": channels}.get(level) or pick.value(divisors)
        level = pick.level("kernel", ("square kernel", "1x1", "oblong kernel"))
        height, width = pick.value(KERNELS), pick.value(range(1, 6))
        kernel = {"1x1": (1, 1), "square kernel": (height, height)}.get(level, (height, width))
        level = pick.level("stride", ("stride 1", "stride 2", "other strides"))
        strides = {"stride 1": (1, 1), "stride 2": (2, 2)}.get(level) or pick.value(((1, 2), (2, 1), (3, 3)))
        dilated = pick.level("dilation", ("no dilation", "dilation")) == "dilation"
        dilations = pick.value(((2, 2), (1, 2), (2, 1))) if dilated else (1, 1)
        reach = [(kernel[i] - 1) * dilations[i] for i in range(2)]
        level = pick.level("padding", ("even padding", "no padding", "uneven padding"))
        pads = [reach[0] // 2 or 1, reach[1] // 2] * 2 if level == "even padding" else [0] * 4
        if level == "uneven padding":
            pads = [pick.value(range(4)) for _ in range(4)]
        for i in range(2):
            pads[i + 2] += max(0, reach[i] + 1 - sides[i] - pads[i] - pads[i + 2])
        return Conv(strides, (pads[0], pads[1], pads[2], pads[3]), dilations, groups), kernel

    def rows(self, x: str, op: Conv, kernel: tuple[int, int]) -> int:
        """Output channels, as many as work allows: often those of an earlier value, which may then be added, or whole
        tiles."""
        batch, channels, *sides = self.b.shape(x)
        if op.groups == channels > 1:
            return channels
        columns = channels // op.groups * kernel[0] * kernel[1]
        out = [-(-(sides[i] + op.pads[i] + op.pads[i + 2]) // op.strides[i]) for i in range(2)]
        most = max(1, min(CHANNELS[-1], MOST_MACS // (columns * batch * out[0] * out[1])) // op.groups)
        earlier = [self.b.shape(node.output)[1] // op.groups for node in self.b.nodes]
        known = [rows for rows in (*earlier, *range(8, most + 1, 8)) if 0 < rows <= most]
        return op.groups * self.pick.value([*range(1, most + 1), *known * (most // (len(known) or 1))])

    def residual(self, x: str, op: Conv, kernel: tuple[int, int], rows: int) -> list[str]:
        """What is added. Where it may be added in place it is an earlier value, or another convolution of the same
        input; else that input itself, or another input of the graph."""
        b, room = self.b, len(self.b.nodes) + 1 < NODES - self.alone
        weights = np.broadcast_to(np.float32(1), (rows, b.shape(x)[1] // op.groups, *kernel))
        probe = GraphBuilder(inputs={x: b.shape(x)})
        shape = probe.shape(probe.conv(op, x, weights))
        beside = not self.alone or shape == b.shape(x)
        earlier = [value for value in b.results if value != x and b.shape(value) == shape]
        possible = room or bool(earlier)
        levels = ["no residual", *["residual"] * beside, *["residual in place"] * possible]
        level = self.pick.level("residual", levels)
        if level == "no residual":
            return []
        if level == "residual":
            return [x if shape == b.shape(x) else self.without_borders(b.input(*shape))]
        if earlier:
            return [self.pick.value(earlier)]
        return [b.conv(replace(op, act=self.activation()), x, self.weights(x, op, kernel, rows))]

    def without_borders(self, value: str) -> str:
        """An input of the graph that no convolution reads as its data: nobody would make its borders."""
        self._borders[value] = NO_BORDERS
        return value

    def activation(self) -> Activation:
        level = self.pick.level("activation", [*ACTIVATIONS_BY_LEVEL])
        return self.pick.value(ACTIVATIONS_BY_LEVEL[level])

    def weights(self, x: str, op: Conv, kernel: tuple[int, int], rows: int) -> np.ndarray:
        """Of the next node. Sums are of one magnitude: a clamp behind large ones would show their rounding."""
        level, seed = self.pick.level("zeros", [*ZEROS]), len(self.b.nodes)
        self.zeros[f"n{seed}"] = level
        shape = (rows, self.b.shape(x)[1] // op.groups, *kernel)
        return with_zeros(random_array(shape, seed) / np.sqrt(np.prod(shape[1:])), ZEROS[level], seed)


ZEROS = {f"zeros: {pattern}": pattern for pattern in PATTERNS}


def activation_level(act: Activation) -> str:
    return "identity" if act.is_identity else act.kind


ACTIVATIONS_BY_LEVEL = {
    level: [act for act in ACTIVATIONS if activation_level(act) == level]
    for level in dict.fromkeys(activation_level(act) for act in ACTIVATIONS)
}


def _with_borders(graph: Graph, drawing: _Drawing) -> dict[str, ConvProblem]:
    problems = conv_problems(graph)
    for node in graph.nodes:
        if node.name in problems:
            x, y = drawing.borders(node.inputs[0]), drawing.borders(node.output)
            problems[node.name] = problems[node.name].with_borders(x, y)
    return problems


def _draw_choices(
    pick: Picker, drawing: _Drawing, problems: Mapping[str, ConvProblem], target: Target
) -> dict[str, Choice]:
    choices: dict[str, Choice] = {}
    for name, problem in problems.items():
        before = f"n{int(name[1:]) - 1}"
        first = choices[before].candidate if before in drawing.chains else None
        alike = _alike(pick, first) if isinstance(first, Columns) else None
        fits = alike is not None and alike.fits(problem, target)
        candidate = alike if fits else draw_candidate(pick, problem, target)
        choices[name] = Choice(candidate)
    return choices


def _alike(pick: Picker, first: Columns) -> Columns:
    """One whose panels may follow those of another."""
    free = {name: fields_of(Columns)[name] for name in ("blocks", "dense")}
    chosen = {name: levels[pick.level(name, [*levels])] for name, levels in free.items()}
    return replace(first, access="direct", lanes="positions", **chosen)
