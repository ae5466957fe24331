"""Each pass keeps what a graph computes, and finds what it is there for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_checks import check_same, random_array
from random_graphs import ACTIVATIONS, GraphBuilder, graphs

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
    Pad,
    Pool,
    Reshape,
    Transpose,
)
from colonnade.graph.passes import PASSES, optimize

SHAPE = (1, 4, 6, 6)
SAME = (1, 1, 1, 1)
RELU6 = Activation(lo=0.0, hi=6.0)


def optimized(graph: Graph, merge: bool = False) -> Graph:
    after = optimize(graph, merge=merge)
    check_same(graph, after)
    return after


def kinds(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


@settings(max_examples=150, deadline=None)
@given(graphs(), st.booleans())
def test_optimize_keeps_the_outputs(graph: Graph, merge: bool) -> None:
    after = optimized(graph, merge)
    assert len(after.nodes) <= len(graph.nodes)


@pytest.mark.parametrize("rewrite", sorted(set(PASSES), key=lambda f: f.__name__), ids=lambda f: f.__name__)
@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_each_pass_alone_keeps_the_outputs(rewrite: Callable[[Graph], Graph], graph: Graph) -> None:
    check_same(graph, rewrite(graph))


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_passes_in_reverse_order_keep_the_outputs(graph: Graph) -> None:
    """No pass may rely on an earlier one for being right."""
    after = graph
    for rewrite in reversed(PASSES):
        after = rewrite(after)
    check_same(graph, after)


def test_residual_block_becomes_two_convolutions() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    scale, shift = random_array([4], 1), random_array([4], 2)
    first = b.act(b.affine(b.conv(x, 4, Conv(pads=SAME), (3, 3)), scale, shift), RELU)
    second = b.affine(b.conv(first, 4, Conv(pads=SAME), (3, 3)), scale, shift)
    y = b.act(b.add(Binary("add"), (second, x), SHAPE), RELU)
    one, two = optimized(b.finish(y)).nodes
    assert one.op == Conv(pads=SAME, act=RELU)
    assert two.op == Conv(pads=SAME, act=RELU, residual=True)
    assert two.inputs[0] == one.output
    assert two.inputs[3] == x
    assert two.output == y


@pytest.mark.parametrize("shortcut_last", [False, True])
def test_of_two_convolutions_the_later_takes_the_sum(shortcut_last: bool) -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    branches = [b.conv(x, 4, Conv(pads=SAME), (3, 3)), b.conv(x, 4, Conv())]
    y = b.add(Binary("add"), tuple(branches[::-1] if shortcut_last else branches), SHAPE)
    one, two = optimized(b.finish(y)).nodes
    assert (one.op, two.op) == (Conv(pads=SAME), Conv(residual=True))
    assert two.inputs[3] == one.output == branches[0]


def test_the_earlier_convolution_takes_the_sum_when_the_later_cannot() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    linear, activated = b.conv(x, 4, Conv()), b.conv(x, 4, Conv(act=RELU))
    y = b.add(Binary("add"), (linear, activated), SHAPE)
    _, last = optimized(b.finish(y)).nodes
    assert last.op == Conv(residual=True)
    assert last.inputs[3] == activated


def test_sums_that_are_no_residual_stay() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    c = b.conv(x, 4, Conv())
    doubled = b.add(Binary("add"), (c, c), SHAPE)
    d = b.conv(x, 4, Conv())
    pooled = b.add(GlobalPool("avg"), (x,), (1, 4, 1, 1))
    broadcast = b.add(Binary("add"), (d, pooled), SHAPE)
    e = b.conv(x, 4, Conv())
    with_constant = b.add(Binary("add"), (e, b.constant(random_array(SHAPE))), SHAPE)
    f = b.conv(x, 4, Conv())
    shared = b.add(Binary("add"), (f, x), SHAPE)
    after = optimized(b.finish(doubled, broadcast, with_constant, shared, f))
    assert kinds(after).count("Binary") == 4
    assert not any(isinstance(node.op, Conv) and node.op.residual for node in after.nodes)


def test_a_convolution_with_a_residual_takes_no_more() -> None:
    """Neither a scale nor a second sum commutes with the sum inside; an activation does."""
    b = GraphBuilder()
    x = b.input(SHAPE)
    scaled = b.affine(b.conv(x, 4, Conv(residual=True), (1, 1), x), 2.0, 1.0)
    summed = b.add(Binary("add"), (b.conv(x, 4, Conv(residual=True), (1, 1), x), x), SHAPE)
    activated = b.act(b.conv(x, 4, Conv(residual=True), (1, 1), x), RELU)
    after = optimized(b.finish(scaled, summed, activated))
    assert kinds(after) == ["Conv", "Affine", "Conv", "Binary", "Conv"]


def test_outputs_of_the_graph_are_never_fused_away() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    conv = b.conv(x, 4, Conv())
    scaled = b.affine(conv, 2.0, 1.0)
    y = b.act(scaled, RELU)
    assert kinds(optimized(b.finish(y, conv, scaled))) == ["Conv", "Affine", "Act"]


def test_affine_folds_backward_through_a_chain() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    scale, shift = random_array([8], 1), random_array([8], 2)
    y = b.affine(b.affine(b.conv(x, 8, Conv(groups=4)), scale, shift), shift, scale)
    (node,) = optimized(b.finish(b.act(y, RELU))).nodes
    assert node.op == Conv(groups=4, act=RELU)


def test_folding_keeps_zero_weights_zero() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    conv = b.conv(b.affine(x, random_array([4], 1), random_array([4], 2)), 4, Conv(), (3, 3))
    y = b.affine(conv, random_array([4], 3), random_array([4], 4))
    graph = b.finish(y)
    name = next(node for node in graph.nodes if isinstance(node.op, Conv)).inputs[1]
    graph.constants[name][:, ::2, 1] = 0
    (node,) = optimized(graph).nodes
    np.testing.assert_array_equal(optimize(graph).constants[node.inputs[1]] == 0, graph.constants[name] == 0)


@pytest.mark.parametrize(("pads", "shift", "folds"), [((0, 0, 0, 0), 1.0, True), (SAME, 0.0, True), (SAME, 1.0, False)])
@pytest.mark.parametrize("groups", [1, 2])
def test_affine_folds_forward_where_padding_allows(
    pads: tuple[int, int, int, int], shift: float, folds: bool, groups: int
) -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    scaled = b.affine(x, random_array([4], 1), random_array([4], 2) * shift)
    y = b.conv(scaled, 6, Conv(pads=pads, groups=groups), (3, 3))
    assert kinds(optimized(b.finish(y))) == (["Conv"] if folds else ["Affine", "Conv"])


def test_affine_folds_into_dense_layers_on_both_sides() -> None:
    b = GraphBuilder()
    x = b.input((3, 5))
    scaled = b.affine(x, random_array([5], 1), random_array([5], 2))
    dense = b.add(Dense(), (scaled, b.weights(7, 5), b.weights(7)), (3, 7))
    y = b.act(b.affine(dense, random_array([7], 3), random_array([7], 4)), RELU)
    (node,) = optimized(b.finish(y)).nodes
    assert node.op == Dense(RELU)


@pytest.mark.parametrize("act", ACTIVATIONS[1:], ids=lambda act: act.kind)
def test_activations_move_into_their_producer(act: Activation) -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    conv = b.act(b.conv(x, 4, Conv()), act)
    affine = b.act(b.affine(conv, 2.0, 1.0), act)
    y = b.act(b.add(Binary("mul"), (affine, x), SHAPE), act)
    after = optimized(b.finish(y))
    assert [node.op for node in after.nodes] == [Conv(act=act), Affine(act), Binary("mul", act)]


def test_clamps_compose() -> None:
    b = GraphBuilder()
    y = b.act(b.act(b.input(SHAPE), RELU), Activation(lo=-1.0, hi=0.5))
    (node,) = optimized(b.finish(y)).nodes
    assert node.op == Act(Activation(lo=0.0, hi=0.5))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("gate", "whole"),
    [("sigmoid", "silu"), ("hard_sigmoid", "hard_swish")],
)
def test_gated_activations_are_recognised(gate: str, whole: str, swapped: bool) -> None:
    b = GraphBuilder()
    x = b.conv(b.input(SHAPE), 4, Conv())
    act = Activation("sigmoid") if gate == "sigmoid" else Activation("hard_sigmoid", alpha=1 / 6, beta=0.5)
    operands = (b.act(x, act), x) if swapped else (x, b.act(x, act))
    (node,) = optimized(b.finish(b.add(Binary("mul"), operands, SHAPE))).nodes
    assert node.op == Conv(act=Activation(whole))  # type: ignore[arg-type]


@pytest.mark.parametrize("divided_last", [False, True])
def test_hard_swish_in_parts_is_recognised(divided_last: bool) -> None:
    """x * clip(x + 3, 0, 6) / 6, as PyTorch exports it before opset 14."""
    b = GraphBuilder()
    x = b.affine(b.conv(b.input(SHAPE), 4, Conv()), random_array([4], 1), random_array([4], 2))
    gate = b.act(b.affine(x, 1.0, 3.0), RELU6)
    if divided_last:
        y = b.affine(b.add(Binary("mul"), (x, gate), SHAPE), 1 / 6, 0.0)
    else:
        y = b.add(Binary("mul"), (x, b.affine(gate, 1 / 6, 0.0)), SHAPE)
    (node,) = optimized(b.finish(y)).nodes
    assert node.op == Conv(act=Activation("hard_swish"))


@pytest.mark.parametrize(("offset", "top", "factor"), [(2.0, 6.0, 1 / 6), (3.0, 5.0, 1 / 6), (3.0, 6.0, 1 / 5)])
def test_near_misses_of_hard_swish_are_not(offset: float, top: float, factor: float) -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    gate = b.act(b.affine(x, 1.0, offset), Activation(lo=0.0, hi=top))
    y = b.add(Binary("mul"), (x, b.affine(gate, factor, 0.0)), SHAPE)
    after = optimized(b.finish(y))
    assert not any(isinstance(node.op, Act) for node in after.nodes)


def test_zero_padding_moves_into_the_convolution() -> None:
    b = GraphBuilder()
    padded = b.add(Pad((0, 0, 0, 0), (0, 0, 1, 1)), (b.input(SHAPE),), (1, 4, 7, 7))
    y = b.conv(padded, 4, Conv(strides=(2, 2), pads=(1, 1, 0, 0)), (3, 3))
    (node,) = optimized(b.finish(y)).nodes
    assert node.op == Conv(strides=(2, 2), pads=(1, 1, 1, 1))


def test_zero_padding_moves_into_the_average() -> None:
    b = GraphBuilder()
    padded = b.add(Pad((0, 0, 1, 1), (0, 0, 1, 1)), (b.input(SHAPE),), (1, 4, 8, 8))
    y = b.add(Pool("avg", (3, 3)), (padded,), SHAPE)
    (node,) = optimized(b.finish(y)).nodes
    assert node.op == Pool("avg", (3, 3), pads=SAME, count_include_pad=True)


@pytest.mark.parametrize(
    ("pool", "value"),
    [(Pool("max", (3, 3)), 0.0), (Pool("avg", (3, 3)), 1.0), (Pool("avg", (5, 5), pads=SAME), 0.0)],
)
def test_other_padding_stays(pool: Pool, value: float) -> None:
    b = GraphBuilder()
    padded = b.add(Pad((0, 0, 1, 1), (0, 0, 1, 1), value), (b.input(SHAPE),), (1, 4, 8, 8))
    y = b.add(pool, (padded,), SHAPE)
    assert kinds(optimized(b.finish(y))) == ["Pad", "Pool"]


def test_reshapes_merge() -> None:
    b = GraphBuilder()
    x = b.input((2, 8, 1, 1))
    moved = b.add(Transpose((0, 2, 3, 1)), (x,), (2, 1, 1, 8))
    y = b.add(Reshape(), (b.add(Reshape(), (moved,), (16,)),), (2, 8))
    (node,) = optimized(b.finish(y)).nodes
    assert (node.op, node.inputs, node.output) == (Reshape(), (x,), y)


def test_a_reshape_back_to_the_first_shape_goes() -> None:
    b = GraphBuilder()
    x = b.input((2, 8))
    back = b.add(Reshape(), (b.add(Reshape(), (x,), (16,)),), (2, 8))
    assert kinds(optimized(b.finish(b.act(back, RELU)))) == ["Act"]


def test_a_real_transpose_stays() -> None:
    b = GraphBuilder()
    y = b.add(Transpose((0, 2, 1, 3)), (b.input((1, 4, 6, 1)),), (1, 6, 4, 1))
    assert kinds(optimized(b.finish(y))) == ["Transpose"]


def test_identities_go_but_an_output_that_copies_an_input_stays() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    copy = b.act(x, IDENTITY)
    y = b.act(b.act(b.act(x, IDENTITY), RELU), IDENTITY)
    after = optimized(b.finish(copy, y))
    assert [node.op for node in after.nodes] == [Act(IDENTITY), Act(RELU)]
    assert {node.output for node in after.nodes} == {copy, y}


def test_two_names_of_one_value_both_stay_outputs() -> None:
    b = GraphBuilder()
    y = b.act(b.input(SHAPE), RELU)
    z = b.act(y, IDENTITY)
    optimized(b.finish(y, z))


def test_dead_nodes_and_constants_go() -> None:
    b = GraphBuilder()
    x = b.input(SHAPE)
    y = b.conv(x, 4, Conv())
    b.add(Concat(1), (b.affine(x, 2.0, 1.0), x), (1, 8, 6, 6))
    after = optimized(b.finish(y))
    assert kinds(after) == ["Conv"]
    assert set(after.constants) == set(after.nodes[0].inputs[1:])
    assert set(after.shapes) == {x, y}
