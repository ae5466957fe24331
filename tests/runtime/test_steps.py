"""Every step but the convolution, as one-operator graphs against the numpy oracle."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import ACTIVATIONS, RUNNABLE, GraphBuilder, assert_close, check_graph, random_array, run_graph

from colonnade.graph.ir import (
    IDENTITY,
    LRN,
    Act,
    Activation,
    Affine,
    Binary,
    Concat,
    Dense,
    GlobalPool,
    Graph,
    Operator,
    Pad,
    Pool,
    Reshape,
    Softmax,
    Transpose,
)
from colonnade.kernels.arithmetic import F32
from colonnade.target.targets import Target

SIGMOID, SILU, LEAKY = Activation("sigmoid"), Activation("silu"), Activation("leaky_relu", alpha=0.1)
CURVED = (
    *(Activation(kind) for kind in ("tanh", "softplus", "mish", "gelu", "gelu_tanh")),
    Activation("elu", alpha=1.5),
    SIGMOID,
    Activation("hard_sigmoid", alpha=0.2, beta=0.5),
    Activation("hard_swish"),
    SILU,
    LEAKY,
)


def one_op(
    op: Operator, out: tuple[int, ...], *inputs: tuple[int, ...], constants: tuple[np.ndarray, ...] = ()
) -> Graph:
    """A graph of one node that reads inputs of the given shapes, then constants."""
    builder = GraphBuilder()
    names = [builder.input(*shape) for shape in inputs]
    return builder.graph(builder.add(op, out, *names, *(builder.constant(array) for array in constants)))


@st.composite
def pools(draw: st.DrawFn) -> Graph:
    """Windows of any kind. With an overrun, the last window reaches past the padding but starts inside."""
    kind = draw(st.sampled_from(["max", "avg"]))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * 2))
    strides = draw(st.tuples(*[st.integers(1, 3)] * 2))
    dilations = draw(st.tuples(*[st.integers(1, 2)] * 2))
    pads = tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
    sides, outs = [], []
    for i in range(2):
        extent = (kernel[i] - 1) * dilations[i] + 1
        side = draw(st.integers(max(1, extent - pads[i] - pads[i + 2]), 23))
        padded = side + pads[i] + pads[i + 2]
        count, left = divmod(padded - extent, strides[i])
        overrun = left > 0 and (count + 1) * strides[i] < side + pads[i] and draw(st.booleans())
        sides.append(side)
        outs.append(count + 1 + overrun)
    batch, channels = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    op = Pool(kind, kernel, strides, pads, dilations, draw(st.booleans()))
    return one_op(op, (batch, channels, outs[0], outs[1]), (batch, channels, sides[0], sides[1]))


@pytest.mark.parametrize("threads", [1, 2])
def test_pools(target: Target, threads: int) -> None:
    @settings(max_examples=100, deadline=None)
    @given(pools())
    def check(graph: Graph) -> None:
        if _every_window_sees_data(graph):
            check_graph(graph, target, threads=threads)

    check()


def _every_window_sees_data(graph: Graph) -> bool:
    """A dilated window can fall on padding alone, of which there is no average or maximum."""
    op = graph.nodes[0].op
    assert isinstance(op, Pool)
    x, y = graph.shape("x0"), graph.shape("y0")
    for i in range(2):
        for start in range(-op.pads[i], y[2 + i] * op.strides[i] - op.pads[i], op.strides[i]):
            taps = range(start, start + op.kernel[i] * op.dilations[i], op.dilations[i])
            if not any(0 <= tap < x[2 + i] for tap in taps):
                return False
    return True


def test_max_pool_keeps_nan_and_infinities(target: Target) -> None:
    x = random_array((1, 1, 9, 40))
    x[0, 0, 2, 3], x[0, 0, 5, 20], x[0, 0, 7] = np.nan, np.inf, -np.inf
    for stride in (1, 2, 3):
        out = (1, 1, (9 - 3) // stride + 1, (40 - 3) // stride + 1)
        check_graph(one_op(Pool("max", (3, 3), (stride, stride)), out, x.shape), target, {"x0": x})


@pytest.mark.parametrize("kind", ["max", "avg"])
def test_global_pools(target: Target, kind: str) -> None:
    for height, width in [(1, 1), (1, 15), (4, 4), (1, 17), (7, 7), (13, 12)]:
        check_graph(one_op(GlobalPool(kind), (2, 3, 1, 1), (2, 3, height, width)), target, threads=2)


@pytest.mark.parametrize("act", ACTIVATIONS, ids=str)
def test_affine(target: Target, act: Activation) -> None:
    scale, shift = random_array((5,), 1), random_array((5,), 2)
    for shape in [(1, 5, 3, 7), (3, 5, 1, 1), (2, 5)]:
        check_graph(one_op(Affine(act), shape, shape, constants=(scale, shift)), target, threads=2)


@pytest.mark.parametrize("act", ACTIVATIONS, ids=str)
def test_activations_of_every_length(target: Target, act: Activation) -> None:
    """All lengths 1 to 70 in one graph, each between neighbours that must stay as they are."""
    builder = GraphBuilder()
    made = [builder.add(Act(act), (1, n), builder.input(1, n)) for n in range(1, 71)]
    graph = builder.graph(*made)
    feeds = {f"x{i}": 4 * random_array((1, i + 1), i) for i in range(70)}
    for threads in (1, 2):
        check_graph(graph, target, feeds, threads=threads)


@pytest.mark.parametrize("act", CURVED, ids=str)
def test_activations_are_accurate(target: Target, act: Activation) -> None:
    """Within 4e-7 of double precision, relative to the result or to 1e-30."""
    x = np.concatenate([np.linspace(-30, 30, 6001), np.geomspace(1e-30, 80, 500), -np.geomspace(1e-30, 80, 500)])
    x = x.astype(np.float32).reshape(1, -1)
    wide = x.astype(np.float64)
    sigmoid = 1 / (1 + np.exp(-wide))
    expected = {
        "sigmoid": sigmoid,
        "silu": wide * sigmoid,
        "hard_sigmoid": np.clip(act.alpha * wide + act.beta, 0, 1),
        "hard_swish": wide * np.clip(wide / 6 + 0.5, 0, 1),
        "leaky_relu": np.where(wide < 0, act.alpha * wide, wide),
        "tanh": np.tanh(wide),
        "elu": np.where(wide < 0, act.alpha * np.expm1(wide), wide),
        "softplus": np.logaddexp(wide, 0),
        "mish": wide * np.tanh(np.logaddexp(wide, 0)),
        "gelu": 0.5 * wide * (1 + np.vectorize(math.erf)(wide / np.sqrt(2))),
        "gelu_tanh": 0.5 * wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3))),
    }[act.kind]
    (y,) = run_graph(one_op(Act(act), x.shape, x.shape), target, {"x0": x}).values()
    # Those that subtract, or add to 1, lose digits where the result is small: there the error is relative to 1.
    floor = 1e-30 if act.kind in ("sigmoid", "silu", "leaky_relu", "tanh") else 1.0
    assert (np.abs(y - expected) / np.maximum(np.abs(expected), floor)).max() < 4e-7


@pytest.mark.parametrize("act", [*CURVED, IDENTITY, Activation(lo=0.0), Activation(lo=-1.0, hi=1.0)], ids=str)
def test_activations_at_the_extremes(target: Target, act: Activation) -> None:
    """Limits of the function, NaN as NaN; where 0 meets infinity the oracle says NaN, and so do we."""
    values = [np.inf, -np.inf, 1e30, -1e30, 3e38, -3e38, 1e-40, -1e-40, 0.0, -0.0, 88.5, -88.5, 104.0, -104.0, np.nan]
    x = np.array([values], np.float32)
    with np.errstate(all="ignore"):
        check_graph(one_op(Act(act), x.shape, x.shape), target, {"x0": x})


@pytest.mark.parametrize("kind", ["add", "mul"])
@pytest.mark.parametrize("act", [IDENTITY, Activation(lo=0.0), SILU], ids=str)
def test_binary(target: Target, kind: str, act: Activation) -> None:
    op = Binary(kind, act)
    for shape in [(1, 3, 4, 5), (2, 3, 4, 5), (3, 1, 2, 2), (2, 7), (6,), (2, 3, 1, 1)]:
        check_graph(one_op(op, shape, shape, shape), target, threads=2)
    for shape in [(1, 3, 4, 5), (2, 3, 4, 5), (2, 3, 1, 1)]:
        check_graph(one_op(op, shape, shape, (*shape[:2], 1, 1)), target, threads=2)
    for shape in [(2, 3, 4, 5), (2, 3, 1, 1), (1, 3, 4, 5)]:
        for constant in [
            (),
            (1,),
            (5,),
            (4, 5),
            (3, 1, 1),
            (1, 3, 1, 1),
            (2, 1, 1, 1),
            (2, 3, 1, 1),
            (1, 1, 4, 1),
            shape,
        ]:
            if np.broadcast_shapes(constant, shape) == shape:
                check_graph(one_op(op, shape, shape, constants=(random_array(constant, 3),)), target)


def test_a_value_combined_with_itself(target: Target) -> None:
    builder = GraphBuilder()
    x = builder.input(2, 3, 4, 4)
    check_graph(builder.graph(builder.add(Binary("mul"), (2, 3, 4, 4), x, x)), target)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_transposes_up_to_rank_6(shape: list[int], random: object) -> None:
    perm = list(range(len(shape)))
    random.shuffle(perm)  # type: ignore[attr-defined]
    graph = one_op(Transpose(tuple(perm)), tuple(shape[axis] for axis in perm), tuple(shape))
    for target in RUNNABLE:
        check_graph(graph, target, threads=2, tolerance=0)


def test_every_transpose_of_rank_4(target: Target) -> None:
    shape = (2, 3, 4, 5)
    for perm in itertools.permutations(range(4)):
        check_graph(one_op(Transpose(perm), tuple(shape[axis] for axis in perm), shape), target, tolerance=0)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_concat_along_any_axis(target: Target, batch: int, axis: int) -> None:
    builder = GraphBuilder()
    parts, size = [], 0
    for extent in (1, 3, 2):
        shape = [batch, 3, 4, 5]
        shape[axis] = extent
        size += extent
        x = builder.input(*shape)
        parts += [x, builder.add(Act(SIGMOID), tuple(shape), x)]
    shape = [batch, 3, 4, 5]
    shape[axis] = 2 * size
    whole = builder.add(Concat(axis), tuple(shape), *parts)
    after = builder.add(Act(Activation(lo=0.0)), tuple(shape), whole)
    check_graph(builder.graph(whole), target)
    check_graph(builder.graph(after, parts[1]), target, threads=2)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nests_of_concats(data: st.DataObject) -> None:
    """Values that lie in several concats, twice in one, or in one that is part of another; some also come out."""
    builder = GraphBuilder()
    batch = data.draw(st.integers(1, 2))
    values = [builder.input(batch, 2, 3, 3)]
    for _ in range(data.draw(st.integers(2, 8))):
        if data.draw(st.booleans()):
            parts = data.draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
            channels = sum(builder.shape(part)[1] for part in parts)
            values.append(builder.add(Concat(1), (batch, channels, 3, 3), *parts))
        else:
            x = data.draw(st.sampled_from(values))
            values.append(builder.add(Act(SIGMOID), builder.shape(x), x))
    extra = data.draw(st.lists(st.sampled_from(values[1:]), max_size=2))
    graph = builder.graph(*dict.fromkeys([values[-1], *extra]))
    for target in RUNNABLE:
        check_graph(graph, target)


@pytest.mark.parametrize("value", [0.0, -1.5])
@pytest.mark.parametrize("batch", [1, 3])
def test_pad(target: Target, value: float, batch: int) -> None:
    for top, left, bottom, right in [(1, 1, 1, 1), (0, 2, 3, 0), (0, 0, 0, 1), (4, 0, 0, 0)]:
        out = (batch, 2, 5 + top + bottom, 6 + left + right)
        check_graph(
            one_op(Pad((0, 0, top, left), (0, 0, bottom, right), value), out, (batch, 2, 5, 6)), target, threads=2
        )


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_softmax_on_any_axis(target: Target, axis: int) -> None:
    shape = (2, 3, 4, 5)
    check_graph(one_op(Softmax(axis), shape, shape), target, threads=2)
    spread = 300 * random_array(shape, 9)
    check_graph(one_op(Softmax(axis), shape, shape), target, {"x0": spread})


def test_softmax_of_nan_and_infinity(target: Target) -> None:
    x = np.array([[0, np.nan, 1], [1, np.inf, 2], [-np.inf, 1, 1], [3, 3, 3]], np.float32)
    with np.errstate(all="ignore"):
        check_graph(one_op(Softmax(1), x.shape, x.shape), target, {"x0": x})


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize(("beta", "bias"), [(0.75, 1.0), (0.75, 2.0), (0.5, 1.0), (1.3, 0.5)])
def test_lrn(target: Target, size: int, beta: float, bias: float) -> None:
    """More positions than one block of the kernel (64), in shares that threads split unevenly."""
    for shape in [(1, 7, 9, 9), (2, 3, 5, 13)]:
        check_graph(one_op(LRN(size, 0.3, beta, bias), shape, shape), target, threads=2)


@pytest.mark.parametrize("batch", range(1, 21))
def test_dense(target: Target, batch: int) -> None:
    width = F32.lanes(target.vector_bytes)
    for outputs in (1, width - 1, width, 2 * width + 1, 101):
        weights, bias = random_array((outputs, 37), 1), random_array((outputs,), 2)
        graph = one_op(Dense(Activation(lo=-1.0)), (batch, outputs), (batch, 37), constants=(weights, bias))
        for threads in (1, 2):
            check_graph(graph, target, threads=threads)


@pytest.mark.parametrize("act", ACTIVATIONS, ids=str)
def test_dense_activations(target: Target, act: Activation) -> None:
    weights, bias = random_array((21, 5), 1), random_array((21,), 2)
    check_graph(one_op(Dense(act), (3, 21), (3, 5), constants=(weights, bias)), target)


@pytest.mark.parametrize("batch", [1, 3])
def test_reshapes_keep_the_order_of_onnx(target: Target, batch: int) -> None:
    for shape in [
        (batch, 24),
        (batch, 2, 12),
        (batch, 2, 12, 1, 1),
        (2 * batch, 12),
        (24 * batch,),
        (1, batch * 2, 3, 4),
    ]:
        builder = GraphBuilder()
        x = builder.add(Act(SIGMOID), (batch, 2, 3, 4), builder.input(batch, 2, 3, 4))
        reshaped = builder.add(Reshape(), shape, x)
        again = builder.add(Act(SILU), shape, reshaped)
        back = builder.add(Reshape(), (batch, 2, 3, 4), again)
        pooled = builder.add(GlobalPool("avg"), (batch, 2, 1, 1), back)
        check_graph(builder.graph(pooled, reshaped, x), target)
        check_graph(builder.graph(pooled), target, threads=2)


def test_scalars_and_vectors(target: Target) -> None:
    builder = GraphBuilder()
    x = builder.input(5)
    y = builder.add(Act(SIGMOID), (5,), x)
    check_graph(builder.graph(y, builder.add(Softmax(0), (5,), y)), target)


def test_global_average_of_a_large_plane_is_accurate(target: Target) -> None:
    x = 1 + random_array((1, 1, 224, 224), 4) / 100
    (y,) = run_graph(one_op(GlobalPool("avg"), (1, 1, 1, 1), x.shape), target, {"x0": x}).values()
    assert_close(y, x.astype(np.float64).mean(axis=(2, 3), keepdims=True).astype(np.float32), 1e-6)
