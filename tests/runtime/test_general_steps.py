"""The steps that take any shapes and axes, against the numpy oracle: maps, moves, reductions, resizing, products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import RUNNABLE, GraphBuilder, check_graph, random_array, run_graph

from colonnade.graph.formula import FUNCTIONS
from colonnade.graph.ir import (
    RELU,
    Act,
    Conv,
    Expand,
    Gather,
    Graph,
    Map,
    MatMul,
    Operator,
    Pad,
    Reduce,
    Resample,
    Slice,
    Transpose,
)
from colonnade.modelfile.reader import read_steps
from colonnade.plan.compiler import compile_graph
from colonnade.target.targets import Target

quick = settings(max_examples=60, deadline=None)
SHAPES = st.lists(st.integers(1, 7), min_size=1, max_size=5).map(tuple)
FORMULAS = (
    "x0 + x1",
    "x0 * x1 - x0 / (abs(x1) + 1)",
    "max(x0, x1) if x0 > x1 else min(x0, 2) * x1",
    "clamp(x0, -0.5, x1) + sigmoid(x1) * (x0 <= 0.25)",
    "exp(x0) * tanh(x1) + erf(x0)",
)


def _graph(b: GraphBuilder, draw: st.DrawFn, x: str) -> str:
    """x as it is, or as a convolution or a map left it, in whatever order that is."""
    shape = b.shape(x)
    if len(shape) == 4 and draw(st.booleans()):
        return b.conv(Conv(pads=(1, 1, 1, 1)), x, random_array((shape[1], shape[1], 3, 3), 5) / 3)
    return b.add(Act(RELU), shape, x) if draw(st.booleans()) else x


@st.composite
def maps(draw: st.DrawFn) -> Graph:
    shape = draw(SHAPES)
    b = GraphBuilder()
    first = _graph(b, draw, b.input(*shape))
    other = tuple(draw(st.sampled_from([1, d])) for d in shape)
    second = b.input(*other) if draw(st.booleans()) else b.constant(random_array(other[draw(st.integers(0, 2)) :], 3))
    inputs = [first, second]
    if draw(st.booleans()) and other == shape:
        inputs.reverse()
    y = b.add(Map(draw(st.sampled_from(FORMULAS))), shape, *inputs)
    return b.graph(_graph(b, draw, y))


@st.composite
def moves(draw: st.DrawFn) -> Graph:
    """A chain of moves: slices, transposes, padding, tables of indices, repetition."""
    b = GraphBuilder()
    x = _graph(b, draw, b.input(*draw(SHAPES)))
    for _ in range(draw(st.integers(1, 4))):
        x = _move(b, draw, x)
    return b.graph(_graph(b, draw, x))


def _move(b: GraphBuilder, draw: st.DrawFn, x: str) -> str:
    shape = b.shape(x)
    axis = draw(st.integers(0, len(shape) - 1))
    kind = draw(st.sampled_from(["slice", "transpose", "pad", "gather", "expand"]))
    op: Operator
    if kind == "slice":
        starts = tuple(draw(st.integers(0, d - 1)) for d in shape)
        steps = tuple(draw(st.integers(1, 3)) for _ in shape)
        out = tuple(-(-(d - start) // step) for d, start, step in zip(shape, starts, steps, strict=True))
        op = Slice(starts, steps)
    elif kind == "transpose":
        perm = tuple(draw(st.permutations(range(len(shape)))))
        op, out = Transpose(perm), tuple(shape[a] for a in perm)
    elif kind == "pad":
        before, after = (tuple(draw(st.integers(0, 2)) for _ in shape) for _ in range(2))
        op = Pad(before, after, 1.5)
        out = tuple(sum(sizes) for sizes in zip(before, shape, after, strict=True))
    elif kind == "gather":
        indices = tuple(draw(st.lists(st.integers(-1, shape[axis] - 1), min_size=1, max_size=9)))
        op, out = Gather(axis, indices, 0.25), (*shape[:axis], len(indices), *shape[axis + 1 :])
    else:
        out = tuple(draw(st.integers(1, 4)) if d == 1 else d for d in shape)
        op = Expand()
    return b.add(op, out, x)


@st.composite
def reductions(draw: st.DrawFn) -> Graph:
    b = GraphBuilder()
    x = _graph(b, draw, b.input(*draw(SHAPES)))
    shape = b.shape(x)
    kind = draw(st.sampled_from(["sum", "prod", "max", "min", "argmax", "argmin"]))
    most = 1 if kind.startswith("arg") else len(shape)
    axes = tuple(sorted(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1, max_size=most))))
    out = tuple(1 if i in axes else d for i, d in enumerate(shape))
    return b.graph(b.add(Reduce(kind, axes, draw(st.sampled_from([1.0, 0.5])), draw(st.booleans())), out, x))


@st.composite
def resizings(draw: st.DrawFn) -> Graph:
    b = GraphBuilder()
    x = _graph(b, draw, b.input(*draw(SHAPES)))
    shape = b.shape(x)
    axis, taps, out = draw(st.integers(0, len(shape) - 1)), draw(st.integers(1, 4)), draw(st.integers(1, 9))
    row = st.lists(st.integers(0, shape[axis] - 1), min_size=taps, max_size=taps).map(tuple)
    indices = tuple(draw(row) for _ in range(out))
    weights = tuple(map(tuple, np.random.default_rng(0).standard_normal((out, taps)).tolist()))
    return b.graph(b.add(Resample(axis, indices, weights), (*shape[:axis], out, *shape[axis + 1 :]), x))


@st.composite
def products(draw: st.DrawFn) -> Graph:
    b = GraphBuilder()
    batch = draw(st.lists(st.integers(1, 3), max_size=3).map(tuple))
    m, k, n = (draw(st.integers(1, 70)) for _ in range(3))
    sides = [tuple(draw(st.sampled_from([1, d])) for d in batch) for _ in range(2)]
    a = b.input(*sides[0], m, k)
    other = b.input(*sides[1], n, k)
    last = (*range(len(batch)), len(batch) + 1, len(batch))
    swapped = b.add(Transpose(last), (*sides[1], k, n), other) if draw(st.booleans()) else b.input(*sides[1], k, n)
    return b.graph(b.add(MatMul(), (*np.broadcast_shapes(*sides), m, n), a, swapped))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", [maps, moves, reductions, resizings, products], ids=lambda kind: kind.__name__)
def test_any_shapes(kind: type, threads: int) -> None:
    @quick
    @given(kind(), st.sampled_from(RUNNABLE))
    def check(graph: Graph, target: Target) -> None:
        check_graph(graph, target, threads=threads)

    check()


DOMAINS = {"acosh": (1.0, 5.0), "atanh": (-0.9, 0.9), "asin": (-1.0, 1.0), "acos": (-1.0, 1.0), "log": (1e-38, 1e30)}
DOMAINS |= {"sqrt": (0.0, 1e30), "pow": (0.0, 4.0)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_of_maps(target: Target, function: str) -> None:
    """Within 1e-6 of double precision, relative to the result or to 1."""
    low, high = DOMAINS.get(function, (-9.0, 9.0))
    spread = np.geomspace(max(low, 1e-38), high, 700) if function in ("log", "sqrt") else np.linspace(low, high, 700)
    x = spread.astype(np.float32)
    b = GraphBuilder()
    arguments = ", ".join(["x0", "0.75", "1.5"][: FUNCTIONS[function]])
    graph = b.graph(b.add(Map(f"{function}({arguments})"), x.shape, b.input(*x.shape)))
    expected = graph.nodes[0].op.run([x], x.shape)
    (y,) = run_graph(graph, target, {"x0": x}).values()
    assert (np.abs(y - expected) / np.maximum(np.abs(expected), 1.0)).max() < 1e-6


def test_functions_at_the_extremes(target: Target) -> None:
    values = np.array([0.0, -0.0, 1e-40, np.inf, -np.inf, np.nan, -1.0, 3e38, 0.5, 2.5, -1.5], np.float32)
    for function in ("log", "sqrt", "tanh", "erf", "sign", "round", "floor", "isnan", "isinf", "exp"):
        b = GraphBuilder()
        graph = b.graph(b.add(Map(f"{function}(x0)"), values.shape, b.input(*values.shape)))
        with np.errstate(all="ignore"):
            check_graph(graph, target, {"x0": values})


def test_a_long_sum_is_accurate(target: Target) -> None:
    """Of a million numbers of one sign, along lines and across them."""
    x = np.abs(random_array((1000, 1000)))
    for axes, out in (((0,), (1, 1000)), ((1,), (1000, 1)), ((0, 1), (1, 1))):
        b = GraphBuilder()
        graph = b.graph(b.add(Reduce("sum", axes), out, b.input(*x.shape)))
        (y,) = run_graph(graph, target, {"x0": x}).values()
        np.testing.assert_allclose(y, x.astype(np.float64).sum(axis=axes, keepdims=True), rtol=1e-6)


def test_channels_that_are_split_are_not_copied() -> None:
    """A range of channels is a view of them."""
    b = GraphBuilder()
    x = b.conv(Conv(), b.input(1, 4, 6, 6), random_array((8, 4, 1, 1)))
    halves = [b.add(Slice((0, at, 0, 0), (1, 1, 1, 1)), (1, 4, 6, 6), x) for at in (0, 4)]
    y = b.conv(Conv(), halves[0], random_array((4, 4, 1, 1)))
    graph = b.graph(b.add(Map("x0 + x1"), (1, 4, 6, 6), y, halves[1]))
    steps, _ = read_steps(compile_graph(graph, plan="default").data)
    assert {step.name for step in steps}.isdisjoint({"n1", "n2"})
