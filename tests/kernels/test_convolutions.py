"""Convolutions of any geometry, mask, epilogue and candidate against the numpy oracle and ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
import pytest
from bordered import check_borders
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import (
    ACTIVATIONS,
    RUNNABLE,
    GraphBuilder,
    assert_close,
    check_graph,
    one_convolution,
    random_array,
    run_graph,
)
from onnx import TensorProto, helper, numpy_helper

from colonnade.api import Model
from colonnade.api import compile as compile_model
from colonnade.graph.ir import Activation, Conv, Graph
from colonnade.graph.reference import conv2d
from colonnade.kernels.shapes import shapes
from colonnade.plan.choose.space import shape_candidates
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import ALL_STRIPS, Candidate, Columns, Winograd
from colonnade.plan.ways.columns.candidate import channel_rows
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.plan.ways.columns.loops import Access
from colonnade.runtime.session import Session
from colonnade.target.targets import Target

MASKS = ("none", "columns of 8", "unstructured", "zero rows", "all zero", "input channels", "one weight")


@dataclass(frozen=True)
class Layer:
    """One convolution and what its weights are; the residual, when there is one, is a second input."""

    x_shape: tuple[int, int, int, int]
    weights: np.ndarray
    op: Conv

    def graph(self) -> Graph:
        return one_convolution(self.op, self.x_shape, self.weights)


def masked(weights: np.ndarray, mask: str, seed: int) -> np.ndarray:
    """Weights [Cout, Cin/groups, kh, kw] with the zeros that `mask` names."""
    rng = np.random.default_rng(seed)
    matrix = weights.reshape(len(weights), -1).copy()
    match mask:
        case "columns of 8":
            for first in range(0, len(matrix), 8):
                matrix[first : first + 8, rng.random(matrix.shape[1]) < 0.5] = 0
        case "unstructured":
            matrix[rng.random(matrix.shape) < 0.7] = 0
        case "zero rows":
            matrix[rng.random(len(matrix)) < 0.5] = 0
        case "all zero":
            matrix[:] = 0
        case "one weight":
            kept = matrix[-1, -1]
            matrix[:] = 0
            matrix[-1, -1] = kept
    masked_weights = matrix.reshape(weights.shape)
    if mask == "input channels":
        masked_weights[:, rng.random(weights.shape[1]) < 0.5] = 0
    return masked_weights


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Planes of up to 13 x 13, few channels, every kind of padding: also more than the kernel needs."""
    kernel = draw(st.tuples(*[st.sampled_from([1, 2, 3, 5, 7])] * 2))
    dilations = draw(st.tuples(*[st.integers(1, 2)] * 2))
    pads = draw(st.one_of(st.just((0, 0, 0, 0)), st.tuples(*[st.integers(0, 3)] * 4)))
    strides = draw(st.one_of(st.just((1, 1)), st.tuples(*[st.integers(1, 3)] * 2)))
    sides = [
        draw(st.integers(max(1, (kernel[i] - 1) * dilations[i] + 1 - pads[i] - pads[i + 2]), 13)) for i in range(2)
    ]
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    per_group = draw(st.integers(1, 5))
    rows = groups * draw(st.integers(1, 11 // groups))
    if draw(st.booleans()) and groups > 1:  # depthwise
        per_group, rows = 1, groups * draw(st.integers(1, 2))
    residual, act = draw(st.booleans()), draw(st.sampled_from(ACTIVATIONS))
    seed = draw(st.integers(0, 99))
    weights = masked(random_array((rows, per_group, *kernel), seed), draw(st.sampled_from(MASKS)), seed)
    x_shape = (draw(st.integers(1, 3)), groups * per_group, sides[0], sides[1])
    return Layer(x_shape, weights, Conv(strides, pads, dilations, groups, residual, act))


def draw_candidate(draw: st.DrawFn, graph: Graph, target: Target, threads: int) -> Candidate:
    """Any candidate that makes sense for the graph's only convolution."""
    problem = next(iter(conv_problems(graph).values()))
    panel, blocks, dense = draw(st.sampled_from([1, 3, ALL_STRIPS])), draw(st.integers(1, 4)), draw(st.booleans())
    turned = Columns(
        draw(st.integers(1, channel_rows(target))), 2, lanes="channels", panel=panel, blocks=blocks, all_columns=dense
    )
    if draw(st.booleans()) and turned.fits(problem, target):
        return turned
    shape = draw(st.sampled_from(shapes(target.isa)))
    local = problem.geometry.groups > 1 and not problem.geometry.reads_as_is
    accesses = ["direct"] if local else ["direct", "packed"]
    accesses += ["masked"] if target.isa.masked and problem.geometry.maskable else []
    access = draw(st.sampled_from(accesses))
    return Columns(
        rows=shape.rows,
        vectors=shape.vectors,
        access=access,
        panel=panel,
        blocks=blocks,
        all_columns=dense,
        shared=draw(st.booleans()) and access == "packed",
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_any_layer_by_any_candidate(target: Target, threads: int) -> None:
    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        graph = data.draw(layers()).graph()
        candidate = draw_candidate(data.draw, graph, target, threads)
        check_graph(graph, target, None, candidate, threads)

    check()


@settings(max_examples=8, deadline=None)
@given(layers())
def test_every_candidate_of_the_planner(layer: Layer) -> None:
    graph = layer.graph()
    (problem,) = conv_problems(graph).values()
    for target in RUNNABLE:
        for threads in (1, 2):
            found = shape_candidates(problem, target)
            for candidate in {*found, *found[0].loop_variants(problem, target)}:
                tolerance = 1e-5 if not isinstance(candidate, Winograd) else 3e-5
                check_graph(graph, target, None, candidate, threads, tolerance)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("access", ["direct", "packed"])
def test_every_mask_of_a_larger_layer(target: Target, mask: str, access: Access) -> None:
    layer = Layer((2, 16, 9, 9), masked(random_array((24, 16, 3, 3)), mask, 5), Conv(pads=(1, 1, 1, 1)))
    for dense in (False, True):
        check_graph(layer.graph(), target, None, Columns(4, 2, access=access, all_columns=dense, panel=3, blocks=3))


@pytest.mark.parametrize("act", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("residual", [False, True])
def test_every_activation_after_the_residual(target: Target, act: Activation, residual: bool) -> None:
    op = Conv(pads=(1, 1, 1, 1), residual=residual, act=act)
    for candidate in (Columns(3, 2), Columns(3, 2, access="packed", blocks=2)):
        check_graph(Layer((1, 6, 7, 7), random_array((7, 6, 3, 3)), op).graph(), target, None, candidate)


@pytest.mark.parametrize("pads", [(2, 2, 2, 2), (0, 0, 3, 3), (3, 3, 0, 0), (0, 1, 2, 3), (4, 4, 4, 4), (3, 2, 1, 0)])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_widest_strips_with_wide_padding(target: Target, pads: tuple[int, int, int, int], kernel: int) -> None:
    """The last strip of the last channel reads past the prepared data: zeros must be there, and the room."""
    widest = max(shapes(target.isa), key=lambda shape: (shape.vectors, shape.rows))
    layer = Layer((1, 2, 6, 5), random_array((3, 2, kernel, kernel)), Conv(pads=pads))
    check_graph(layer.graph(), target, None, Columns(widest.rows, widest.vectors))


def test_padding_far_beyond_the_kernel(target: Target) -> None:
    layer = Layer((1, 1, 2, 2), random_array((1, 1, 1, 1)), Conv(pads=(140, 150, 150, 140)))
    check_graph(layer.graph(), target, None, Columns(1, 2))


def test_grouped_layers(target: Target) -> None:
    for groups, per_group, rows in ((4, 3, 8), (2, 8, 20), (16, 1, 16), (8, 1, 24)):
        for kernel, stride, pad in ((1, 1, 0), (3, 1, 1), (3, 2, 1), (1, 2, 0)):
            weights = masked(random_array((rows, per_group, kernel, kernel)), "unstructured", groups)
            op = Conv((stride, stride), (pad,) * 4, groups=groups)
            for threads in (1, 2):
                check_graph(Layer((2, groups * per_group, 9, 8), weights, op).graph(), target, threads=threads)


def test_oracle_is_the_direct_sum() -> None:
    """The oracle itself, on a case small enough to write the definition out."""
    x, w, b = random_array((1, 2, 4, 5)), random_array((3, 2, 2, 3)), random_array((3,))
    y = conv2d(x, w, b, Conv(pads=(1, 0, 0, 1)))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 1)))
    for o, i, j in np.ndindex(y.shape[1:]):
        total = b[o] + (padded[0, :, i : i + 2, j : j + 3] * w[o]).sum()
        np.testing.assert_allclose(y[0, o, i, j], total, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op_type", ["Relu", "Clip", "None"])
def test_nan_and_infinity_pass_as_in_onnx_runtime(target: Target, op_type: str) -> None:
    """A NaN or infinity in the input reaches every output that reads it, through Relu and Clip as well. A dilation is
    for columns alone: Winograd's tiles spread both."""
    x = random_array((1, 3, 8, 9))
    x[0, 0, 1, 1], x[0, 1, 4, 5], x[0, 2, 7, 8] = np.nan, np.inf, -np.inf
    constants = {"w": random_array((5, 3, 3, 3)), "lo": np.float32(-0.5), "hi": np.float32(0.5)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[2, 2, 2, 2], dilations=[2, 2])]
    if op_type == "Relu":
        nodes.append(helper.make_node("Relu", ["c"], ["y"]))
    elif op_type == "Clip":
        nodes.append(helper.make_node("Clip", ["c", "lo", "hi"], ["y"]))
    else:
        nodes[0].output[0] = "y"
    proto = helper.make_model(
        helper.make_graph(
            nodes,
            "nan",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    peer = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    compiled = compile_model(Model(proto, "nan"), target=target.name, plan="default")
    expected = peer.run(None, {"x": x})[0]
    assert np.isnan(expected).any()
    assert_close(Session(compiled).run(None, {"x": x})[0], expected)


@pytest.mark.parametrize("act", [Activation("sigmoid"), Activation("silu"), Activation("hard_swish")], ids=str)
def test_nan_reaches_the_output_of_other_activations(target: Target, act: Activation) -> None:
    x = random_array((1, 3, 5, 5))
    x[0, 0, 2, 2] = np.nan
    graph = Layer(x.shape, random_array((4, 3, 1, 1)), Conv(act=act)).graph()
    y = run_graph(graph, target, {"x0": x})["y0"]
    assert np.isnan(y[0, :, 2, 2]).all()
    assert np.isnan(y).sum() == 4


def test_rows_of_a_strided_output_may_be_wider_than_the_input(target: Target) -> None:
    """One output of one input, two columns to the next: found by the test above."""
    builder = GraphBuilder()
    graph = builder.graph(builder.conv(Conv((1, 2)), builder.input(1, 1, 1, 1), random_array((1, 1, 1, 1))))
    check_borders(graph, Columns(1, 1, access="packed"), target, 1, (0, 0, 0, 0), (0, 0, 0, 0))


@pytest.mark.parametrize(("side", "kernel", "borders", "gathered"), [
    (8, 1, (0, 0, 0, 0), True),
    (8, 3, (1, 1, 1, 1), True),
    (8, 3, (0, 0, 0, 0), False),
    (7, 1, (0, 0, 0, 0), False),
])  # fmt: skip
def test_packed_strips_of_stride_2_need_no_copy_of_the_input(
    target: Target, side: int, kernel: int, borders: tuple[int, int, int, int], gathered: bool
) -> None:
    """Unless padding is missing, or the last row of outputs would begin a row of inputs that is not there."""
    builder = GraphBuilder()
    x = builder.input(2, 5, side, side + 2)
    op = Conv((2, 2), (kernel // 2,) * 4, act=Activation(lo=0.0))
    graph = builder.graph(builder.conv(op, x, random_array((9, 5, kernel, kernel))))
    (problem,) = conv_problems(graph).values()
    geometry = problem.with_borders(borders, (0, 0, 0, 0)).geometry
    assert DataLayout(geometry, strided=True).gathered == gathered
    assert DataLayout(geometry, strided=True).prepared != gathered
    assert DataLayout(geometry).prepared
    for shape in shapes(target.isa)[::5]:
        candidate = Columns(shape.rows, shape.vectors, access="packed", panel=2)
        check_borders(graph, candidate, target, 2, borders, (1, 1, 1, 1))
