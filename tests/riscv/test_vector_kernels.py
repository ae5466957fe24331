"""Every RVV micro-kernel in every kind of convolution at every vector length, against the numpy oracle.

A test compiles its models once and runs the same bytes at all vector lengths, many in one start of qemu.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from emulated import TOLERANCE, VECTOR, VLENS, cpu_without_vectors, cpus, laid_out_for
from layers import GraphBuilder, network_plan, random_array, random_feeds

from colonnade.graph.ir import IDENTITY, RELU, Activation, Concat, Conv, Graph, Reshape
from colonnade.graph.reference import run_reference
from colonnade.kernels.arithmetic import F32
from colonnade.kernels.channels import STRIDES, VECTORS
from colonnade.kernels.shapes import shapes
from colonnade.modelfile.writer import write
from colonnade.plan.lower import lower
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.plan.ways import ALL_STRIPS, Candidate, Columns, Vertical, Windows, Winograd
from colonnade.plan.ways.columns.candidate import channel_rows
from colonnade.remote.runner import relative_error
from colonnade.runtime.binding import checksum
from colonnade.target.targets import Target

SHAPES = shapes(VECTOR.isa)
PANELS = (1, 2, ALL_STRIPS)
BATCH = 200  # models in one call of colonnade-run, which takes 256


@dataclass(frozen=True)
class Layer:
    """One convolution of an image [1, channels, side, side]; pruned: half of its columns are zero, tile by tile."""

    channels: int
    rows: int
    side: int
    kernel: int
    op: Conv
    pruned: bool = False

    def graph(self) -> Graph:
        b = GraphBuilder()
        weights = random_array((self.rows, self.channels // self.op.groups, self.kernel, self.kernel), 3)
        if self.pruned:
            kept = np.random.default_rng(4).random((-(-self.rows // 8), *weights.shape[1:])) < 0.5
            weights = weights * np.repeat(kept, 8, axis=0)[: self.rows]
        x = b.input(1, self.channels, self.side, self.side)
        side = (self.side + 2 * self.op.pads[0] - self.kernel) // self.op.strides[0] + 1
        residual = [b.input(1, self.rows, side, side)] if self.op.residual else []
        return b.graph(b.conv(self.op, x, weights, *residual))


def _conv(stride: int, pad: int, groups: int = 1, residual: bool = False, act: Activation = IDENTITY) -> Conv:
    return Conv((stride, stride), (pad,) * 4, groups=groups, residual=residual, act=act)


# 33 rows: a whole tile of every T, and for most a shorter one. Planes are wider than the widest strip of VLEN 256.
LAYERS = {
    "1x1": Layer(7, 33, 9, 1, _conv(1, 0)),
    "1x1 pruned, residual, relu": Layer(12, 33, 9, 1, _conv(1, 0, residual=True, act=RELU), pruned=True),
    "1x1 with a tail of one position, residual, relu6": Layer(
        40, 33, 9, 1, _conv(1, 0, residual=True, act=Activation(lo=0, hi=6))
    ),
    "1x1 stride 2": Layer(7, 33, 17, 1, _conv(2, 0)),
    "3x3 silu": Layer(3, 33, 9, 3, _conv(1, 1, act=Activation("silu"))),
    "3x3 pruned, residual, relu6": Layer(
        4, 33, 9, 3, _conv(1, 1, residual=True, act=Activation(lo=0, hi=6)), pruned=True
    ),
    "3x3 pruned, stride 2, hard swish": Layer(4, 33, 17, 3, _conv(2, 1, act=Activation("hard_swish")), pruned=True),
    "stem 7x7 stride 2": Layer(3, 33, 17, 7, _conv(2, 3, act=RELU)),
    "depthwise": Layer(3, 3, 9, 3, _conv(1, 1, groups=3, residual=True, act=RELU)),
    "depthwise 3x3, relu": Layer(3, 3, 43, 3, _conv(1, 1, groups=3, act=RELU)),
    "depthwise 3x3 stride 2": Layer(3, 3, 17, 3, _conv(2, 1, groups=3)),
    "depthwise 5x5, silu": Layer(3, 3, 9, 5, _conv(1, 2, groups=3, act=Activation("silu"))),
    "depthwise 5x5 stride 2": Layer(3, 3, 83, 5, _conv(2, 2, groups=3)),
    "groups": Layer(4, 66, 9, 3, _conv(2, 1, groups=2)),
}


def candidates(layer: Layer) -> Iterator[Candidate]:
    """Every shape with columns read where they lie, and packed; without and with KC blocks. Panels,
    and for a pruned layer kept or all columns, take turns."""
    accesses = ("direct", "packed") if layer.op.groups == 1 else ("direct",)
    fitting = [shape for shape in SHAPES if shape.rows <= layer.rows // layer.op.groups]
    for turn, (blocks, shape, access) in enumerate(itertools.product((1, 3), fitting, accesses)):
        yield Columns(
            shape.rows,
            shape.vectors,
            access=access,
            panel=PANELS[turn // len(accesses) % len(PANELS)],
            blocks=blocks,
            dense=layer.pruned and turn % 5 == 0,
        )


def turned(problem: ConvProblem, target: Target) -> Iterator[Candidate]:
    """Every panel, without and with KC blocks, all columns and the kept ones in turn; and with fewer output channels
    than the vectors hold."""
    for turn, (rows, blocks, panel) in enumerate(itertools.product((channel_rows(target), 5), (1, 3), PANELS)):
        candidate = Columns(rows, VECTORS, lanes="channels", panel=panel, blocks=blocks, dense=turn % 3 == 0)
        if candidate.fits(problem, target):
            yield candidate


def filtered(problem: ConvProblem, target: Target) -> Iterator[Candidate]:
    """Both kinds of Winograd, where they fit: every m by every third shape, and panels in turn."""
    kinds = [(Winograd, m) for m in Winograd.filters(problem.geometry)]
    kinds += [(Vertical, m) for m in Vertical.filters(problem.geometry)]
    for turn, ((way, m), shape) in enumerate(itertools.product(kinds, SHAPES[::3])):
        yield way(shape.rows, shape.vectors, m=m, panel=PANELS[turn % len(PANELS)])


def windows(problem: ConvProblem, target: Target) -> Iterator[Windows]:
    return Windows.candidates(problem, target)


def test_the_cpus_differ_and_the_program_does_not() -> None:
    """Vectors of other lengths would go unnoticed if qemu's options were lost on the way."""
    every = [*cpus(), cpu_without_vectors()]
    calls = [cpu._host._call for cpu in every]  # type: ignore[attr-defined]
    assert len({call[:-1] for call in calls}) == len(VLENS) + 1
    assert len({call[-1] for call in calls}) == len({cpu.machine for cpu in every}) == 1


@pytest.mark.parametrize(("layout", "threads"), [(256, 1), (256, 2), (1024, 2)])
@pytest.mark.parametrize("name", LAYERS)
def test_every_candidate(name: str, layout: int, threads: int) -> None:
    graph = LAYERS[name].graph()
    problems, feeds = conv_problems(graph), random_feeds(graph)
    (output,), (node,) = graph.outputs, graph.nodes
    expected = [run_reference(graph, feeds)[output]]
    target = laid_out_for(layout)
    problem = problems[node.name]
    others = (windows, filtered, turned)
    tried = [*candidates(LAYERS[name]), *(c for found in others for c in found(problem, target))]
    models = [write(lower(graph, target, network_plan(problems, {node.name: c})), checksum) for c in tried]
    for cpu in cpus():
        errors = [
            trial.error
            for batch in (models[i : i + BATCH] for i in range(0, len(models), BATCH))
            for trial in cpu.time(batch, feeds, threads=threads, rounds=0, expected=expected)
        ]
        wrong = {
            f"{candidate}": error
            for candidate, error in zip(tried, errors, strict=True)
            if error is None or not error <= TOLERANCE
        }
        assert not wrong, cpu.name


def _tile_edges(lmul: int, lanes: int) -> tuple[Graph, dict[str, Candidate]]:
    """For every T of this LMUL 1x1 convolutions of T - 1, T and T + 1 rows, NR - 1, NR and NR + 1 positions: direct
    ones of 5 columns; and packed ones of 4 columns in blocks, which add the former's output and clamp. All outputs
    joined to one."""
    b, chosen, parts = GraphBuilder(), {}, []
    images = {p: (b.input(1, 5, 1, p), b.input(1, 4, 1, p)) for p in _around(lmul * lanes)}
    clamp = Activation(lo=-0.75, hi=1.5)
    for shape in (shape for shape in SHAPES if shape.vectors == lmul):
        for rows, (positions, (five, four)) in itertools.product(_around(shape.rows), images.items()):
            chosen[f"n{len(b.nodes)}"] = Columns(shape.rows, lmul)
            direct = b.conv(Conv(), five, random_array((rows, 5, 1, 1), rows))
            chosen[f"n{len(b.nodes)}"] = Columns(shape.rows, lmul, access="packed", panel=ALL_STRIPS, blocks=2)
            packed = b.conv(Conv(residual=True, act=clamp), four, random_array((rows, 4, 1, 1), rows), direct)
            parts += [b.add(Reshape(), (1, rows * positions), value) for value in (direct, packed)]
    joined = b.add(Concat(1), (1, sum(b.shape(part)[1] for part in parts)), *parts)
    return b.graph(joined), chosen


def _channel_edges(stride: int, target: Target) -> tuple[Graph, dict[str, Candidate]]:
    """Every kernel by channels of a stride, in place: outputs of 1 to P + 1 columns and 1 to 3 lines, of T - 1, T and
    T + 1 channels, without and with KC blocks, a residual, and bounds. All outputs joined to one."""
    b, chosen, parts = GraphBuilder(), {}, []
    widths = range(1, target.isa.channel_positions + 2)
    images = {across: b.input(1, 5, stride * 3, stride * (across - 1) + 3) for across in widths}
    for turn, (down, (across, x)) in enumerate(itertools.product((1, 2, 3), images.items())):
        rows, kernel = channel_rows(target) + turn % 3 - 1, (stride * (3 - down) + 1, 3)
        plain = Conv((stride, stride))
        residual = []
        if turn % 2:
            chosen[f"n{len(b.nodes)}"] = Columns(2, 1)
            residual = [b.conv(plain, x, random_array((rows, 5, *kernel), turn))]
        op = replace(plain, residual=bool(residual), act=(IDENTITY, RELU, Activation(lo=-0.75, hi=1.5))[turn % 3])
        chosen[f"n{len(b.nodes)}"] = Columns(
            channel_rows(target), VECTORS, lanes="channels", blocks=1 + turn % 2, panel=2
        )
        value = b.conv(op, x, random_array((rows, 5, *kernel), turn + 1), *residual)
        parts.append(b.add(Reshape(), (1, rows * down * across), value))
    joined = b.add(Concat(1), (1, sum(b.shape(part)[1] for part in parts)), *parts)
    return b.graph(joined), chosen


def _around(size: int) -> range:
    return range(max(1, size - 1), size + 2)


@pytest.mark.parametrize("layout", VLENS)
@pytest.mark.parametrize("lmul", VECTOR.isa.vectors)
def test_sizes_around_the_tile(lmul: int, layout: int) -> None:
    """Data laid out for one vector length runs at all."""
    target = laid_out_for(layout)
    _check_parts(*_tile_edges(lmul, F32.lanes(target.vector_bytes)), target)


@pytest.mark.parametrize("layout", VLENS)
@pytest.mark.parametrize("stride", STRIDES)
def test_channel_sizes(stride: int, layout: int) -> None:
    """With fewer lanes than a tile has output channels these take turns."""
    target = laid_out_for(layout)
    _check_parts(*_channel_edges(stride, target), target)


@pytest.mark.parametrize("threads", [1, 2])
def test_chained(threads: int) -> None:
    """Panels of two convolutions in turn, with tails, residuals added in place, and strips that cross lines."""
    for layout in VLENS:
        target = laid_out_for(layout)
        b = GraphBuilder()
        x = b.conv(Conv(), b.input(1, 5, 9, 19), random_array((20, 5, 1, 1)))
        for _ in range(2):
            inner = b.conv(Conv(act=RELU), x, random_array((17, 20, 1, 1), len(b.nodes)))
            x = b.conv(Conv(residual=True, act=RELU), inner, random_array((20, 17, 1, 1), len(b.nodes)), x)
        graph = b.graph(x)
        problems, chains = conv_problems(graph), {node.name for node in graph.nodes[::2]}
        program = lower(graph, target, network_plan(problems, dict.fromkeys(problems, Columns(15, 2, panel=2)), chains))
        assert sum(step.chained for step in program.steps) == 2
        feeds = random_feeds(graph)
        expected = run_reference(graph, feeds)[graph.outputs[0]]
        for cpu in cpus():
            (y,) = cpu.run(write(program, checksum), feeds, threads=threads)
            assert relative_error([y], [expected]) <= TOLERANCE, cpu.name


@pytest.mark.parametrize("layout", VLENS)
def test_outputs_with_borders_of_inputs_without(layout: int) -> None:
    """Strips that cross lines: their outputs lie apart in memory."""
    target = laid_out_for(layout)
    for side, rows, op in ((9, 17, Conv(act=RELU)), (19, 31, Conv()), (5, 4, Conv(act=Activation(lo=0, hi=6)))):
        b = GraphBuilder()
        first = b.conv(Conv(), b.input(1, 6, side, side), random_array((rows, 6, 1, 1)))
        inner = b.conv(op, first, random_array((rows, rows, 1, 1), 1))
        graph = b.graph(b.conv(Conv(pads=(1, 1, 1, 1)), inner, random_array((3, rows, 3, 3))))
        problems = conv_problems(graph)
        bordered = (1, 1, 1, 1)
        problems["n1"] = problems["n1"].with_borders((0, 0, 0, 0), bordered)
        problems["n2"] = problems["n2"].with_borders(bordered, (0, 0, 0, 0))
        feeds = random_feeds(graph)
        expected = run_reference(graph, feeds)[graph.outputs[0]]
        for shape in SHAPES[::5]:
            chosen = dict.fromkeys(problems, Columns(shape.rows, shape.vectors, panel=2))
            model = write(lower(graph, target, network_plan(problems, chosen)), checksum)
            for cpu in cpus():
                (y,) = cpu.run(model, feeds)
                assert relative_error([y], [expected]) <= TOLERANCE, f"{cpu.name}: {shape}"


def _check_parts(graph: Graph, chosen: dict[str, Candidate], target: Target) -> None:
    """Each part of the joined output, at every vector length."""
    feeds, problems = random_feeds(graph), conv_problems(graph)
    values = run_reference(graph, feeds)
    (output,) = graph.outputs
    model = write(lower(graph, target, network_plan(problems, chosen)), checksum)
    ends = np.cumsum([graph.shape(part)[1] for part in graph.nodes[-1].inputs])[:-1]
    for cpu in cpus():
        (joined,) = cpu.run(model, feeds)
        pairs = zip(np.split(joined[0], ends), np.split(values[output][0], ends), strict=True)
        errors = [relative_error([actual], [expected]) for actual, expected in pairs]
        assert max(errors) <= TOLERANCE, f"{cpu.name}: layer {np.argmax(errors)}"
