"""Convolutions at the ends of what they may be, against the numpy oracle and ONNX Runtime. Others: tests/ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
import pytest
from bordered import check_borders
from layers import (
    GraphBuilder,
    assert_close,
    check_graph,
    one_convolution,
    random_array,
    run_graph,
)
from onnx import TensorProto, helper, numpy_helper
from zeros import with_zeros

from colonnade.api import Model
from colonnade.api import compile as compile_model
from colonnade.graph.ir import Activation, Conv, Graph
from colonnade.graph.reference import conv2d
from colonnade.kernels.shapes import shapes
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import Columns
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.runtime.session import Session
from colonnade.target.targets import Target


@dataclass(frozen=True)
class Layer:
    """One convolution and what its weights are; the residual, when there is one, is a second input."""

    x_shape: tuple[int, int, int, int]
    weights: np.ndarray
    op: Conv

    def graph(self) -> Graph:
        return one_convolution(self.op, self.x_shape, self.weights)


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
            weights = with_zeros(random_array((rows, per_group, kernel, kernel)), "unstructured", groups)
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
    """One output of one input, two columns to the next: found by drawing graphs."""
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
