"""Depthwise convolutions by window kernels: every kernel and geometry against the numpy oracle, planes with borders,
and where the planner offers them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from bordered import check_borders
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import ACTIVATIONS, GraphBuilder, check_graph, random_array, random_feeds, run_graph

from colonnade.graph.ir import RELU, Conv, Graph
from colonnade.graph.reference import run_reference
from colonnade.kernels.arithmetic import F32
from colonnade.kernels.depthwise import KERNELS, STRIDES, windows
from colonnade.plan.choose.space import default_candidate, shape_candidates
from colonnade.plan.planes import Borders
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.plan.ways import Windows
from colonnade.target.targets import TARGETS, Target

Pads = tuple[int, int, int, int]


def layer(x_shape: tuple[int, ...], kernel: int, op: Conv, seed: int = 0) -> Graph:
    """One convolution of a kernel per channel; the residual, when there is one, is a second input."""
    builder = GraphBuilder()
    x, channels = builder.input(*x_shape), x_shape[1]
    weights = random_array((channels, channels // op.groups, kernel, kernel), seed)
    sides = [(x_shape[2 + i] + op.pads[i] + op.pads[2 + i] - kernel) // op.strides[i] + 1 for i in (0, 1)]
    residual = [builder.input(x_shape[0], channels, *sides)] if op.residual else []
    return builder.graph(builder.conv(op, x, weights, *residual))


def depthwise(channels: int, stride: int = 1, pads: Pads = (1, 1, 1, 1), **more: object) -> Conv:
    return Conv(strides=(stride, stride), pads=pads, groups=channels, **more)  # type: ignore[arg-type]


def problem_of(graph: Graph) -> ConvProblem:
    (problem,) = conv_problems(graph).values()
    return problem


def offered(graph: Graph, target: Target) -> tuple[Windows, ...]:
    """Every window kernel that computes the graph's only convolution."""
    return tuple(Windows.candidates(problem_of(graph), target))


@st.composite
def cases(draw: st.DrawFn, lanes: int) -> Graph:
    """Rows of outputs around whole vectors and whole blocks of rows; any padding."""
    kernel, stride = draw(st.sampled_from(KERNELS)), draw(st.sampled_from(STRIDES))
    pads: Pads = draw(st.sampled_from([(kernel // 2,) * 4, (0, 0, 0, 0), (1, 0, 0, 1), (0, 1, 1, 0), (2, 7, 0, 1)]))
    out_h = draw(st.integers(1, 9))
    out_w = max(1, draw(st.sampled_from([1, 2, 4])) * lanes + draw(st.integers(-lanes, 1)))
    sides = [
        max(1, (out - 1) * stride + kernel - pads[i] - pads[2 + i] + draw(st.integers(0, stride - 1)))
        for i, out in enumerate((out_h, out_w))
    ]
    if any(side + pads[i] + pads[2 + i] < kernel for i, side in enumerate(sides)):
        pads = (kernel // 2,) * 4
    x_shape = (draw(st.integers(1, 3)), draw(st.integers(1, 5)), *sides)
    op = depthwise(x_shape[1], stride, pads, act=draw(st.sampled_from(ACTIVATIONS)))
    return layer(x_shape, kernel, op, draw(st.integers(0, 9)))


@pytest.mark.parametrize("threads", [1, 2])
def test_sizes_around_the_rows_and_the_vector(target: Target, threads: int) -> None:
    @settings(max_examples=80, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        graph = data.draw(cases(F32.lanes(target.vector_bytes)))
        candidate = data.draw(st.sampled_from(offered(graph, target)))
        check_graph(graph, target, None, candidate, threads)

    check()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("stride", STRIDES)
def test_every_kernel(target: Target, kernel: int, stride: int) -> None:
    """On images of several bands of rows, whose last one is shorter."""
    graph = layer((1, 3, 107, 94), kernel, depthwise(3, stride, (kernel // 2,) * 4, act=RELU))
    candidates = offered(graph, target)
    fitting = [w for w in windows(target.isa) if (w.kernel, w.stride) == (kernel, stride)]
    assert [(c.lines, c.vectors) for c in candidates] == [(w.lines, w.vectors) for w in fitting]
    for candidate in candidates:
        check_graph(graph, target, None, candidate)


BORDERS: tuple[Borders, ...] = ((0, 0, 0, 0), (1, 1, 1, 1), (1, 2, 0, 1), (2, 1, 2, 3))


@pytest.mark.parametrize("width", [3, 23])
@pytest.mark.parametrize("stride", STRIDES)
def test_planes_with_borders(target: Target, stride: int, width: int) -> None:
    """Read as they are where they hold the padding; all but outputs is zero afterwards."""
    graph = layer((2, 3, 9, width), 3, depthwise(3, stride, act=RELU))
    candidates = offered(graph, target)
    for x_borders, y_borders in product(BORDERS, BORDERS):
        for candidate in candidates:
            check_borders(graph, candidate, target, 2, x_borders, y_borders)


def test_nan_and_infinity_reach_what_reads_them(target: Target) -> None:
    graph = layer((1, 2, 12, 21), 3, depthwise(2))
    x = random_feeds(graph)["x0"]
    x[0, 0, 5, 5], x[0, 1, 0, 20] = np.nan, np.inf
    expected = run_reference(graph, {"x0": x})["y0"]
    for candidate in offered(graph, target):
        actual = run_graph(graph, target, {"x0": x}, candidate)["y0"]
        np.testing.assert_array_equal(np.isfinite(actual), np.isfinite(expected))


@pytest.mark.parametrize(
    ("kernel", "op"),
    [
        (1, depthwise(8, pads=(0, 0, 0, 0))),
        (7, depthwise(8, pads=(3, 3, 3, 3))),
        (3, depthwise(8, stride=3)),
        (3, Conv(strides=(1, 2), pads=(1, 1, 1, 1), groups=8)),
        (3, depthwise(8, dilations=(2, 2))),
        (3, depthwise(8, residual=True)),
        (3, Conv(pads=(1, 1, 1, 1), groups=4)),
        (3, Conv(pads=(1, 1, 1, 1))),
    ],
)
def test_not_offered_for_anything_else(target: Target, kernel: int, op: Conv) -> None:
    builder = GraphBuilder()
    x = builder.input(1, 8, 28, 28)
    weights = random_array((8, 8 // op.groups, kernel, kernel))
    residual = [builder.input(1, 8, 28, 28)] if op.residual else []
    problem = problem_of(builder.graph(builder.conv(op, x, weights, *residual)))
    assert not any(isinstance(candidate, Windows) for candidate in shape_candidates(problem, target))


@pytest.mark.parametrize("planned", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("stride", STRIDES)
def test_the_cost_rule_takes_them(planned: Target, stride: int) -> None:
    problem = problem_of(layer((1, 144, 56, 56), 3, depthwise(144, stride)))
    assert isinstance(default_candidate(problem, planned), Windows)


def test_they_are_described() -> None:
    assert str(Windows(4, 2)) == "depthwise 4x2v"
