"""Winograd's filtering down the rows of an image: every geometry and epilogue against the numpy oracle, planes with
borders, and the error that docs/kernels.md states."""

from __future__ import annotations

import numpy as np
import pytest
from bordered import check_every_border
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import ACTIVATIONS, GraphBuilder, assert_close, check_graph, random_array, random_feeds, run_graph

from colonnade.graph.ir import RELU, Activation, Conv, Graph
from colonnade.graph.reference import run_reference
from colonnade.kernels.arithmetic import F32
from colonnade.kernels.shapes import shapes
from colonnade.kernels.vertical import MAX_STRIDE, VERTICAL_FILTERS
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import ALL_STRIPS, Vertical
from colonnade.plan.ways.vertical import transformed_lines
from colonnade.target.targets import Target

Pads = tuple[int, int, int, int]
SAME: Pads = (1, 1, 1, 1)
OF_3 = tuple(f.m for f in VERTICAL_FILTERS if f.taps == 3)
# Kernel height and stride down, and the filter of their phases.
SPLITS = tuple(
    (height, stride, f.m)
    for f in VERTICAL_FILTERS
    for stride in range(1, MAX_STRIDE + 1)
    for height in range(stride * (f.taps - 1) + 1, stride * f.taps + 1)
)


def layer(
    x_shape: tuple[int, ...], rows: int, op: Conv, kernel: tuple[int, int] = (3, 3), seed: int = 0, inside: bool = False
) -> Graph:
    """One convolution; the residual, when there is one, is a second input. inside: what it reads was computed."""
    b = GraphBuilder()
    x = b.input(*x_shape)
    # Sums of about 1: rounding grows with them, and an activation may hide from the comparison that they are large.
    weights = random_array((rows, x_shape[1], *kernel), seed) / np.sqrt(x_shape[1] * kernel[0] * kernel[1])
    if inside:
        x = b.conv(Conv(), x, np.eye(x_shape[1])[:, :, None, None])
    padded = (x_shape[2] + op.pads[0] + op.pads[2], x_shape[3] + op.pads[1] + op.pads[3])
    sides = [(padded[i] - kernel[i]) // op.strides[i] + 1 for i in range(2)]
    residual = [b.input(x_shape[0], rows, *sides)] if op.residual else []
    return b.graph(b.conv(op, x, weights, *residual))


def candidate(m: int, rows: int = 4, vectors: int = 2, panel: int = 1) -> Vertical:
    return Vertical(rows, vectors, m=m, panel=panel)


def check(graph: Graph, target: Target, chosen: Vertical, threads: int = 1) -> None:
    """The last convolution by `chosen`."""
    check_graph(graph, target, None, {graph.nodes[-1].name: chosen}, threads)


@st.composite
def cases(draw: st.DrawFn, lanes: int) -> tuple[Graph, int]:
    """Heights around whole tiles, widths around whole vectors; a graph and m."""
    height, down, m = draw(st.sampled_from(SPLITS))
    across = draw(st.integers(1, MAX_STRIDE))
    width = draw(st.integers(across, 7))
    pads: Pads = draw(st.sampled_from([SAME, (0, 0, 0, 0), (1, 0, 0, 1), (0, 1, 1, 0), (2, 3, 0, 1), (3, 3, 3, 3)]))
    out_h = max(1, m * draw(st.integers(1, 3)) + draw(st.integers(-1, 1)))
    out_w = max(1, draw(st.sampled_from([1, 2, lanes, 2 * lanes])) + draw(st.integers(-1, 1)))
    more = draw(st.integers(0, across - 1))  # columns that no window reaches
    in_h = max(1, down * (out_h - 1) + height - pads[0] - pads[2])
    in_w = max(1, across * (out_w - 1) + width - pads[1] - pads[3] + more)
    op = Conv((down, across), pads, residual=draw(st.booleans()), act=draw(st.sampled_from(ACTIVATIONS)))
    x_shape = (draw(st.integers(1, 3)), draw(st.integers(1, 9)), in_h, in_w)
    rows, seed, inside = draw(st.integers(1, 9)), draw(st.integers(0, 9)), draw(st.booleans())
    return layer(x_shape, rows, op, (height, width), seed, inside), m


@pytest.mark.parametrize("threads", [1, 2])
def test_sizes_around_the_tile_and_the_vector(target: Target, threads: int) -> None:
    @settings(max_examples=120, deadline=None)
    @given(st.data())
    def any_case(data: st.DataObject) -> None:
        graph, m = data.draw(cases(F32.lanes(target.vector_bytes)))
        shape = data.draw(st.sampled_from(shapes(target.isa)))
        panel = data.draw(st.sampled_from([1, 2, 3, ALL_STRIPS]))
        check(graph, target, candidate(m, shape.rows, shape.vectors, panel=panel), threads)

    any_case()


@pytest.mark.parametrize("m", OF_3)
@pytest.mark.parametrize("residual", [False, True])
def test_every_activation_after_the_residual(target: Target, m: int, residual: bool) -> None:
    for act in ACTIVATIONS:
        op = Conv(pads=SAME, residual=residual, act=act)
        check(layer((1, 6, 7, 10), 7, op, inside=True), target, candidate(m))


def test_planes_of_many_rows(target: Target) -> None:
    """More lines than one call of a transform takes, and panels that begin in the middle of an image."""
    for panel in (3, 11, ALL_STRIPS):
        check(layer((2, 2, 75, 9), 3, Conv(pads=SAME)), target, candidate(4, panel=panel), 2)


def test_the_stem_of_a_residual_network(target: Target) -> None:
    op = Conv(strides=(2, 2), pads=(3, 3, 3, 3), act=RELU)
    for side in (19, 20, 37):
        check(layer((1, 3, side, side), 9, op, (7, 7)), target, candidate(5))


@pytest.mark.parametrize("m", OF_3)
def test_weights_of_a_centre_are_the_middle_column_of_the_matrix(m: int) -> None:
    (problem,) = conv_problems(layer((1, 2, 8, 8), 2, Conv(pads=SAME))).values()
    problem.weights[:] = 0
    problem.weights[1, 4] = 1  # the middle of channel 0's kernel
    found = transformed_lines(problem, m)
    assert (found.dtype, found.shape) == (np.float64, (2, 6, m + 2))
    assert not np.delete(found.reshape(12, -1), 7, axis=0).any()
    assert found[1, 1].tolist() == [row[1] for row in Vertical.filters(problem.geometry)[m].weight_matrix()]


@pytest.mark.parametrize("m", OF_3)
@pytest.mark.parametrize("threads", [1, 2])
def test_planes_with_borders(target: Target, m: int, threads: int) -> None:
    """Data are read between borders; all but outputs is zero afterwards."""
    graph = layer((2, 3, 9, 11), 5, Conv(pads=SAME, act=RELU))
    check_every_border(graph, candidate(m), target, threads)


@pytest.mark.parametrize("m", OF_3)
def test_nan_and_infinity_reach_what_reads_them(target: Target, m: int) -> None:
    """As a NaN at least, and at most in the tiles of m rows that read them."""
    graph = layer((1, 3, 12, 12), 5, Conv(pads=SAME), inside=True)
    x = random_feeds(graph)["x0"]
    x[0, 1, 5, 5], x[0, 2, 0, 11] = np.nan, np.inf
    (name,) = graph.outputs
    expected = run_reference(graph, {"x0": x})[name]
    actual = run_graph(graph, target, {"x0": x}, {graph.nodes[-1].name: candidate(m)})[name]
    broken = ~np.isfinite(actual)
    assert (broken | np.isfinite(expected)).all()
    tiles = np.isfinite(expected).reshape(1, 5, 12 // m, m, 12).all(axis=3)
    assert not (broken & ~np.repeat(~tiles, m, axis=2)).any()
    assert_close(actual[~broken], expected[~broken], 1e-5)


@pytest.mark.parametrize(("m", "side", "bound"), [(4, 3, 3e-6), (6, 3, 1e-5), (5, 4, 1e-5)])
def test_error_of_a_layer_of_many_channels(target: Target, m: int, side: int, bound: float) -> None:
    """Of the largest output, as docs/kernels.md says; the oracle is given float64."""
    for data in (random_array((1, 256, 14, 14), 1), np.maximum(random_array((1, 256, 14, 14), 2), 0)):
        graph = layer((1, 256, 14, 14), 16, Conv(pads=SAME), (side, side))
        actual = run_graph(graph, target, {"x0": data}, candidate(m, 8, 1))["y0"]
        weights, bias = (graph.constants[name].astype(np.float64) for name in graph.nodes[0].inputs[1:3])
        padded = np.pad(data.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(2, 3))
        exact = np.einsum("nchwij,ocij->nohw", windows, weights, optimize=True) + bias[:, None, None]
        assert np.abs(actual - exact).max() <= bound * np.abs(exact).max()


def test_it_is_described() -> None:
    assert str(candidate(4, 6, 2, panel=3)) == "vertical F(4) 6x2v, panel 3"
    assert str(candidate(6, panel=ALL_STRIPS)) == "vertical F(6) 4x2v, panel all"


def test_lanes_beyond_the_output_are_not_written(target: Target) -> None:
    """Channel planes lie side by side: a store past one plane's end would show in the next."""
    builder = GraphBuilder()
    x = builder.input(1, 2, 5, 5)
    first = builder.conv(Conv(pads=SAME), x, np.zeros((1, 2, 3, 3)))
    second = builder.conv(Conv(pads=SAME, act=Activation("silu")), x, np.ones((5, 2, 3, 3)))
    check_graph(builder.graph(first, second), target, None, candidate(4, 2, 1))
