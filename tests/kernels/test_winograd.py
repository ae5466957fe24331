"""Winograd's convolutions: the identity itself, every geometry and epilogue against the numpy oracle, planes with
borders, and the error bound that docs/kernels.md states."""

from __future__ import annotations

from fractions import Fraction

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
from colonnade.kernels.winograd import FILTERS, POINTS, Filter
from colonnade.plan.ways import ALL_STRIPS, Columns, Winograd
from colonnade.target.targets import Target

Pads = tuple[int, int, int, int]
SAME: Pads = (1, 1, 1, 1)
OF_3X3 = tuple(f.m for f in FILTERS)


def layer(x_shape: tuple[int, ...], rows: int, op: Conv, seed: int = 0) -> Graph:
    """One convolution; the residual, when there is one, is a second input."""
    builder = GraphBuilder()
    x = builder.input(*x_shape)
    sides = (x_shape[2] + op.pads[0] + op.pads[2] - 2, x_shape[3] + op.pads[1] + op.pads[3] - 2)
    residual = [builder.input(x_shape[0], rows, *sides)] if op.residual else []
    # Sums of about 1: rounding grows with them, and an activation may hide from the comparison that they are large.
    scale = np.float32(1 / (3 * np.sqrt(x_shape[1])))
    weights = random_array((rows, x_shape[1], 3, 3), seed) * scale
    return builder.graph(builder.conv(op, x, weights, *residual))


def candidate(m: int, rows: int = 4, vectors: int = 2, panel: int = 1) -> Winograd:
    return Winograd(rows, vectors, m=m, panel=panel)


@pytest.mark.parametrize("f", FILTERS)
def test_the_points_give_a_convolution(f: Filter) -> None:
    """In exact arithmetic: a tile's outputs are sums of products of transformed data and weights, for any data at all
    only if B and A belong to G. Evaluating both factors' polynomials at all points determines their product."""
    points = [Fraction(0), *(sign * Fraction(q) for q in f.points for sign in (1, -1))]
    assert len(set(points)) == f.side - 1
    for row, p in zip(f.weight_matrix(), points, strict=False):
        scale = np.prod([p - other for other in points if other != p])
        assert row == pytest.approx([float(p**k / scale) for k in range(f.taps)])
    assert f.weight_matrix()[-1] == [0] * (f.taps - 1) + [1]


@pytest.mark.parametrize("n", POINTS)
def test_constants_are_exact_in_f32(n: int) -> None:
    for power in range(n - 2):
        for q in POINTS[n]:
            assert float(np.float32(q**power)) == q**power
    squares = [q * q for q in POINTS[n]]
    for number in (*squares, sum(squares), np.prod(squares)):
        assert float(np.float32(number)) == number


@st.composite
def cases(draw: st.DrawFn, lanes: int) -> tuple[Graph, int]:
    """Sides around whole tiles, and rows of tiles around whole vectors; a graph and m."""
    m = draw(st.sampled_from(OF_3X3))
    pads: Pads = draw(st.sampled_from([SAME, (0, 0, 0, 0), (1, 0, 0, 1), (0, 1, 1, 0), (2, 3, 0, 1)]))
    tiles = draw(st.sampled_from([1, 2, lanes - 1, lanes, lanes + 1]))
    out_h = max(1, m * draw(st.integers(1, 3)) + draw(st.integers(-1, 1)))
    out_w = max(1, m * tiles + draw(st.integers(-1, 1)))
    height, width = max(1, out_h + 2 - pads[0] - pads[2]), max(1, out_w + 2 - pads[1] - pads[3])
    op = Conv(pads=pads, residual=draw(st.booleans()), act=draw(st.sampled_from(ACTIVATIONS)))
    x_shape = (draw(st.integers(1, 3)), draw(st.integers(1, 9)), height, width)
    return layer(x_shape, draw(st.integers(1, 9)), op, draw(st.integers(0, 9))), m


@pytest.mark.parametrize("threads", [1, 2])
def test_sizes_around_the_tile_and_the_vector(target: Target, threads: int) -> None:
    @settings(max_examples=120, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        graph, m = data.draw(cases(F32.lanes(target.vector_bytes)))
        shape = data.draw(st.sampled_from(shapes(target.isa)))
        panel = data.draw(st.integers(1, 3))
        check_graph(graph, target, None, candidate(m, shape.rows, shape.vectors, panel=panel), threads)

    check()


@pytest.mark.parametrize("m", OF_3X3)
@pytest.mark.parametrize("residual", [False, True])
def test_every_activation_after_the_residual(target: Target, m: int, residual: bool) -> None:
    for act in ACTIVATIONS:
        op = Conv(pads=SAME, residual=residual, act=act)
        check_graph(layer((1, 6, 7, 10), 7, op), target, None, candidate(m))


@pytest.mark.parametrize("m", OF_3X3)
def test_a_panel_of_more_strips_than_there_are(target: Target, m: int) -> None:
    op = Conv(pads=SAME)
    check_graph(layer((1, 3, 9, 9), 5, op), target, None, candidate(m, panel=ALL_STRIPS))


@pytest.mark.parametrize("m", OF_3X3)
@pytest.mark.parametrize("threads", [1, 2])
def test_planes_with_borders(target: Target, m: int, threads: int) -> None:
    """Data are read between borders; all but outputs is zero afterwards."""
    graph = layer((2, 3, 9, 11), 5, Conv(pads=SAME, act=RELU))
    check_every_border(graph, candidate(m), target, threads)


@pytest.mark.parametrize("m", OF_3X3)
def test_nan_and_infinity_reach_what_reads_them(target: Target, m: int) -> None:
    """As a NaN at least, and at most in the tiles of m x m outputs that read them."""
    graph = layer((1, 3, 12, 12), 5, Conv(pads=SAME))
    x = random_feeds(graph)["x0"]
    x[0, 1, 5, 5], x[0, 2, 0, 11] = np.nan, np.inf
    expected = run_reference(graph, {"x0": x})["y0"]
    actual = run_graph(graph, target, {"x0": x}, candidate(m))["y0"]
    broken = ~np.isfinite(actual)
    assert (broken | np.isfinite(expected)).all()
    tiles = np.isfinite(expected).reshape(1, 5, 12 // m, m, 12 // m, m).all(axis=(3, 5))
    reading = np.repeat(np.repeat(~tiles, m, axis=2), m, axis=3)
    assert not (broken & ~reading).any()
    assert_close(actual[~broken], expected[~broken], 1e-5)


@pytest.mark.parametrize(("m", "bound"), [(2, 3e-6), (4, 1e-5)])
def test_error_of_a_layer_of_many_channels(target: Target, m: int, bound: float) -> None:
    """Of the largest output, as docs/kernels.md says; the oracle is given float64."""
    for data in (random_array((1, 256, 14, 14), 1), np.maximum(random_array((1, 256, 14, 14), 2), 0)):
        graph = layer((1, 256, 14, 14), 16, Conv(pads=SAME))
        actual = run_graph(graph, target, {"x0": data}, candidate(m, 8, 1))["y0"]
        weights, bias = (graph.constants[name].astype(np.float64) for name in graph.nodes[0].inputs[1:3])
        padded = np.pad(data.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        exact = np.einsum("nchwij,ocij->nohw", windows, weights, optimize=True) + bias[:, None, None]
        assert np.abs(actual - exact).max() <= bound * np.abs(exact).max()


def test_it_is_described(target: Target) -> None:
    assert str(candidate(4, 6, 2, panel=3)) == "winograd F(4x4) 6x2v, panel 3"
    assert "winograd" not in str(Columns(6, 2, dense=True))


def test_lanes_beyond_the_output_are_not_written(target: Target) -> None:
    """Channel planes lie side by side: a store past one plane's end would show in the next."""
    builder = GraphBuilder()
    x = builder.input(1, 2, 5, 5)
    first = builder.conv(Conv(pads=SAME), x, np.zeros((1, 2, 3, 3)))
    second = builder.conv(Conv(pads=SAME, act=Activation("silu")), x, np.ones((5, 2, 3, 3)))
    check_graph(builder.graph(first, second), target, None, candidate(4, 2, 1))
