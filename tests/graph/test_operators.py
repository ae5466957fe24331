"""Every operator of the importer against ONNX Runtime, over its attributes, odd shapes and opsets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from onnx_checks import (
    OPSETS,
    check_against_onnxruntime,
    make_model,
    one_node,
    quick,
    random_array,
)
from test_node_cases import CASES

from colonnade.graph.ir import Affine, Binary, Conv, Dense, Map, Reshape
from colonnade.graph.onnx_node import supported_operators

opsets = st.sampled_from(OPSETS)
sides = st.integers(1, 9)
channels = st.integers(1, 5)
batches = st.integers(1, 3)
images = st.tuples(batches, channels, sides, sides)


@st.composite
def windows(draw: st.DrawFn, plane: tuple[int, int], pool: bool) -> dict[str, Any]:
    """kernel_shape, strides, dilations and pads or auto_pad, such that at least one window fits."""
    kernel, dilations, pads = [], [], [0, 0, 0, 0]
    auto_pad = draw(st.sampled_from(["NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    same = auto_pad.startswith("SAME")
    for axis, side in enumerate(plane):
        k = draw(st.integers(1, 4))
        d = 1 if same else draw(st.sampled_from([1, 1, 2]))
        if auto_pad == "NOTSET":
            most = k - 1 if pool else 3
            pads[axis], pads[axis + 2] = draw(st.integers(0, most)), draw(st.integers(0, most))
        if not same and (k - 1) * d + 1 > side + pads[axis] + pads[axis + 2]:
            k = 1
        if pool and d > 1 and side < d:  # a window may step over the whole plane
            d = 1
        if pool:
            pads[axis], pads[axis + 2] = min(pads[axis], k - 1), min(pads[axis + 2], k - 1)
            if (k - 1) * d + 1 > side + pads[axis] + pads[axis + 2]:
                k, pads[axis], pads[axis + 2] = 1, 0, 0
        kernel.append(k)
        dilations.append(d)
    # ONNX Runtime pads SAME pools by negative amounts where the stride is larger than the kernel, or refuses them.
    strides = [draw(st.integers(1, k if pool and same else 3)) for k in kernel]
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
    return attributes | ({"pads": pads} if auto_pad == "NOTSET" else {"auto_pad": auto_pad})


@quick
@given(st.data(), batches, sides, sides, opsets)
def test_conv(data: st.DataObject, batch: int, height: int, width: int, opset: int) -> None:
    groups, inputs, outputs = data.draw(st.sampled_from([(1, 1, 1), (1, 3, 5), (2, 2, 3), (4, 1, 1), (3, 1, 2)]))
    attributes = data.draw(windows((height, width), pool=False))
    weights = random_array((groups * outputs, inputs, *attributes["kernel_shape"]), 1)
    bias = data.draw(st.sampled_from([None, random_array([groups * outputs], 2)]))
    shape = (batch, groups * inputs, height, width)
    model = one_node("Conv", shape, weights, *([] if bias is None else [bias]), opset=opset, group=groups, **attributes)
    (node,) = check_against_onnxruntime(model).nodes
    assert isinstance(node.op, Conv)


@quick
@given(st.data(), images, opsets, st.booleans())
def test_max_pool(data: st.DataObject, shape: tuple[int, ...], opset: int, ceil: bool) -> None:
    attributes = data.draw(windows((shape[2], shape[3]), pool=True))
    check_against_onnxruntime(one_node("MaxPool", shape, opset=opset, ceil_mode=int(ceil), **attributes))


@quick
@given(st.data(), images, opsets, st.booleans(), st.booleans())
def test_average_pool(data: st.DataObject, shape: tuple[int, ...], opset: int, ceil: bool, count_pads: bool) -> None:
    attributes = data.draw(windows((shape[2], shape[3]), pool=True))
    if opset < 19:
        attributes.pop("dilations")
    model = one_node(
        "AveragePool", shape, opset=opset, ceil_mode=int(ceil), count_include_pad=int(count_pads), **attributes
    )
    check_against_onnxruntime(model)


@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("side", range(3, 10))
@pytest.mark.parametrize("stride", [2, 3])
def test_windows_past_the_padding(op_type: str, side: int, stride: int) -> None:
    """With ceil_mode the last window may reach past the padded input, where not even the padding counts."""
    attributes = {} if op_type == "MaxPool" else {"count_include_pad": 1}
    shape = (1, 2, side, side + 1)
    check_against_onnxruntime(
        one_node(op_type, shape, kernel_shape=[3, 3], strides=[stride] * 2, pads=[1] * 4, ceil_mode=1, **attributes)
    )


@quick
@given(images, opsets, st.sampled_from(["GlobalAveragePool", "GlobalMaxPool"]))
def test_global_pool(shape: tuple[int, ...], opset: int, op_type: str) -> None:
    check_against_onnxruntime(one_node(op_type, shape, opset=opset))


@quick
@given(images, opsets, st.booleans(), st.sampled_from([(2, 3), (3, 2), (-1, -2), (2, -1)]))
def test_reduce_mean(shape: tuple[int, ...], opset: int, keep: bool, axes: tuple[int, int]) -> None:
    if opset < 18:
        model = one_node("ReduceMean", shape, opset=opset, axes=axes, keepdims=int(keep))
    else:
        model = one_node("ReduceMean", shape, np.array(axes), opset=opset, keepdims=int(keep))
    check_against_onnxruntime(model)


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("Relu", {}),
        ("Sigmoid", {}),
        ("HardSigmoid", {}),
        ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.4}),
        ("HardSwish", {}),
        ("LeakyRelu", {}),
        ("LeakyRelu", {"alpha": 0.25}),
        ("LeakyRelu", {"alpha": -1.5}),
        ("Identity", {}),
        ("Dropout", {}),
        ("Cast", {"to": onnx.TensorProto.FLOAT}),
    ],
)
@pytest.mark.parametrize("opset", OPSETS)
def test_activations(op_type: str, attributes: dict[str, Any], opset: int) -> None:
    shape = (2, 3, 5, 7)
    opset = max(opset, 14) if op_type == "HardSwish" else opset
    check_against_onnxruntime(one_node(op_type, shape, opset=opset, **attributes))


def test_swish_of_opset_24() -> None:
    check_against_onnxruntime(one_node("Swish", (2, 3, 5, 7), opset=24))


bounds = st.one_of(st.none(), st.floats(-2, 2, width=32))


@quick
@given(bounds, bounds, opsets)
def test_clip(low: float | None, high: float | None, opset: int) -> None:
    operands = [None if b is None else np.float32(b) for b in (low, high)]
    model = one_node("Clip", (2, 3, 4, 5), *operands, opset=opset)
    check_against_onnxruntime(model)


def test_clip_with_attributes_before_opset_11() -> None:
    check_against_onnxruntime(one_node("Clip", (2, 3, 4, 5), opset=9, min=-0.25, max=0.5))


@quick
@given(st.sampled_from([(2, 3), (2, 3, 5), (2, 3, 5, 7), (1, 1, 1, 1)]), opsets, st.floats(0, 1))
def test_batch_normalization(shape: tuple[int, ...], opset: int, epsilon: float) -> None:
    scale, bias, mean, var = (random_array(shape[1:2], seed) for seed in range(4))
    model = one_node("BatchNormalization", shape, scale, bias, mean, np.abs(var), opset=opset, epsilon=epsilon)
    check_against_onnxruntime(model, tolerance=1e-4)


@quick
@given(images, opsets, st.sampled_from([1, 3, 5]), st.floats(0.1, 2), st.floats(0.1, 2))
def test_lrn(shape: tuple[int, ...], opset: int, size: int, alpha: float, bias: float) -> None:
    check_against_onnxruntime(one_node("LRN", shape, opset=opset, size=size, alpha=alpha, beta=0.7, bias=bias))


CONSTANT_SHAPES = [(), (1,), (7,), (5, 1), (3, 1, 1), (1, 3, 1, 1), (2, 3, 5, 7), (1, 1, 5, 7)]
ARITHMETIC = [("Add", "xc"), ("Add", "cx"), ("Sub", "xc"), ("Sub", "cx"), ("Mul", "xc"), ("Mul", "cx"), ("Div", "xc")]


@pytest.mark.parametrize(("op_type", "order"), ARITHMETIC)
@pytest.mark.parametrize("shape", CONSTANT_SHAPES)
def test_arithmetic_with_a_constant(op_type: str, order: str, shape: tuple[int, ...]) -> None:
    node = helper.make_node(op_type, list(order), ["y"])
    model = make_model([node], {"x": (2, 3, 5, 7)}, constants={"c": random_array(shape, 1)})
    graph = check_against_onnxruntime(model)
    per_channel = int(np.prod(shape)) in (1, 3)
    assert all(isinstance(n.op, Affine if per_channel else Affine | Binary | Map) for n in graph.nodes)


@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5])
def test_arithmetic_of_any_rank(op_type: str, rank: int) -> None:
    shape = (2, 3, 4, 5, 6)[:rank]
    node = helper.make_node(op_type, ["a", "b"], ["y"])
    check_against_onnxruntime(make_model([node], {"a": shape, "b": shape}))
    check_against_onnxruntime(one_node(op_type, shape, random_array(()), opset=13))


@pytest.mark.parametrize("op_type", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("order", ["ab", "ba", "aa"])
def test_arithmetic_of_a_plane_and_a_value_for_each_channel(op_type: str, order: str) -> None:
    node = helper.make_node(op_type, list(order), ["y"])
    model = make_model([node], {"a": (2, 3, 5, 7), "b": (2, 3, 1, 1)})
    check_against_onnxruntime(model)


@pytest.mark.parametrize("names", [["x"], ["x", "x"], ["x", "c"], ["c", "x", "z"], ["x", "z", "c", "c"]])
def test_sum(names: list[str]) -> None:
    node = helper.make_node("Sum", names, ["y"])
    constants = {"c": random_array((3, 1, 1), 1)}
    check_against_onnxruntime(make_model([node], {"x": (2, 3, 4, 5), "z": (2, 3, 4, 5)}, constants=constants))


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -3])
def test_concat(axis: int) -> None:
    shape = [2, 3, 4, 5]
    wider = list(shape)
    wider[axis] += 3
    node = helper.make_node("Concat", ["x", "z", "x"], ["y"], axis=axis)
    check_against_onnxruntime(make_model([node], {"x": shape, "z": wider}))


def test_concat_of_one_value() -> None:
    check_against_onnxruntime(one_node("Concat", (2, 3), axis=1))


C_SHAPES = [None, (), (1,), (4,), (1, 4), (3, 1), (3, 4)]


@quick
@given(st.booleans(), st.sampled_from(C_SHAPES), st.floats(-2, 2), st.floats(-2, 2), opsets)
def test_gemm(trans_b: bool, c_shape: tuple[int, ...] | None, alpha: float, beta: float, opset: int) -> None:
    weights = random_array((4, 5) if trans_b else (5, 4), 1)
    addend = [] if c_shape is None else [random_array(c_shape, 2)]
    model = one_node("Gemm", (3, 5), weights, *addend, opset=opset, transB=int(trans_b), alpha=alpha, beta=beta)
    graph = check_against_onnxruntime(model)
    assert isinstance(graph.nodes[0].op, Dense)


def test_matmul_takes_the_bias_that_follows() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["y"])]
    constants = {"w": random_array((5, 4), 1), "b": random_array((4,), 2)}
    (node,) = check_against_onnxruntime(make_model(nodes, {"x": (3, 5)}, constants=constants)).nodes
    assert isinstance(node.op, Dense)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axis", [0, 1, 2, 4, -1])
def test_flatten(axis: int, opset: int) -> None:
    check_against_onnxruntime(one_node("Flatten", (2, 3, 4, 5), opset=opset, axis=axis))


@pytest.mark.parametrize("target", [(0, -1), (2, 60), (-1,), (0, 0, 20), (4, 0, 10), (2, 3, 4, 5, 1), (0, 0, 0, 0)])
@pytest.mark.parametrize("opset", OPSETS)
def test_reshape(target: tuple[int, ...], opset: int) -> None:
    check_against_onnxruntime(one_node("Reshape", (2, 3, 4, 5), np.array(target), opset=opset))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axes", [None, [2], [-1], [2, 3], [-1, 2]])
def test_squeeze(axes: list[int] | None, opset: int) -> None:
    check_against_onnxruntime(_with_axes("Squeeze", (2, 3, 1, 1), axes, opset))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axes", [[0], [-1], [2, 3], [4, 0]])
def test_unsqueeze(axes: list[int], opset: int) -> None:
    check_against_onnxruntime(_with_axes("Unsqueeze", (2, 3, 4), axes, opset))


def _with_axes(op_type: str, shape: tuple[int, ...], axes: list[int] | None, opset: int) -> onnx.ModelProto:
    """Axes are an attribute before opset 13 and an input from then on."""
    if axes is None:
        return one_node(op_type, shape, opset=opset)
    if opset < 13:
        return one_node(op_type, shape, opset=opset, axes=axes)
    return one_node(op_type, shape, np.array(axes), opset=opset)


@quick
@given(st.permutations(range(4)), opsets)
def test_transpose(perm: list[int], opset: int) -> None:
    check_against_onnxruntime(one_node("Transpose", (2, 3, 4, 5), opset=opset, perm=perm))


def test_transpose_reverses_without_perm() -> None:
    check_against_onnxruntime(one_node("Transpose", (2, 3, 4, 5)))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("axis", [None, 0, 1, 2, 3, -1, -2])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 7, 1, 1)])
def test_softmax(axis: int | None, shape: tuple[int, ...], opset: int) -> None:
    attributes = {} if axis is None else {"axis": axis}
    check_against_onnxruntime(one_node("Softmax", shape, opset=opset, **attributes))


@quick
@given(st.tuples(*[st.integers(0, 3)] * 4), st.sampled_from([None, 0.0, 1.5]), opsets, st.booleans())
def test_pad(pads: tuple[int, ...], value: float | None, opset: int, with_axes: bool) -> None:
    operand = [] if value is None else [np.float32(value)]
    if with_axes and opset >= 18:
        model = one_node("Pad", (2, 3, 4, 5), np.array(pads), *(operand or [None]), np.array([2, -1]), opset=opset)
    else:
        every_axis = [0, 0, *pads[:2], 0, 0, *pads[2:]]
        model = one_node("Pad", (2, 3, 4, 5), np.array(every_axis), *operand, opset=opset)
    check_against_onnxruntime(model)


def test_pad_with_attributes_before_opset_11() -> None:
    check_against_onnxruntime(one_node("Pad", (2, 3, 4, 5), opset=9, pads=[0, 0, 1, 2, 0, 0, 3, 0], value=0.5))


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("batch", [1, 3])
def test_flatten_spelled_with_shape_arithmetic(batch: int, opset: int) -> None:
    """Shape, Gather, Unsqueeze, Concat, Reshape: how PyTorch exports x.view(x.size(0), -1)."""
    axes = {"axes": [0]} if opset < 13 else {}
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Constant", [], ["zero"], value=onnx.numpy_helper.from_array(np.array(0))),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Unsqueeze", ["n"] if opset < 13 else ["n", "axes"], ["n1"], **axes),
        helper.make_node("Concat", ["n1", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x", "target"], ["y"]),
    ]
    constants = {"rest": np.array([-1]), "axes": np.array([0])}
    model = make_model(nodes, {"x": ("N", 3, 4, 5)}, constants=constants, opset=opset)
    graph = check_against_onnxruntime(model, batch=batch)
    assert [type(node.op) for node in graph.nodes] == [Reshape]
    assert graph.shapes["y"] == (batch, 60)


def test_constants_are_folded() -> None:
    """Arithmetic on weights, ConstantOfShape and half-precision storage leave one convolution."""
    half = random_array((4, 3, 3, 3), 1).astype(np.float16)
    nodes = [
        helper.make_node("Cast", ["half"], ["w"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", ["w", "two"], ["w2"]),
        helper.make_node("ConstantOfShape", ["four"], ["b"], value=helper.make_tensor("v", 1, [1], [0.5])),
        helper.make_node("Conv", ["x", "w2", "b"], ["y"]),
    ]
    constants = {"half": half, "two": np.float32(2), "four": np.array([4])}
    graph = check_against_onnxruntime(make_model(nodes, {"x": (1, 3, 6, 6)}, constants=constants))
    assert [type(node.op) for node in graph.nodes] == [Conv]


def test_truth_values_choose() -> None:
    """Comparisons, logic and casts between truth values and numbers, of two inputs that broadcast."""
    nodes = [
        helper.make_node("Greater", ["a", "b"], ["greater"]),
        helper.make_node("LessOrEqual", ["a", "half"], ["small"]),
        helper.make_node("And", ["greater", "small"], ["both"]),
        helper.make_node("Or", ["both", "mask"], ["either"]),
        helper.make_node("Not", ["greater"], ["other"]),
        helper.make_node("Xor", ["either", "other"], ["one"]),
        helper.make_node("CastLike", ["one", "a"], ["real"]),
        helper.make_node("Cast", ["a"], ["whole"], to=onnx.TensorProto.INT32),
        helper.make_node("Cast", ["whole"], ["again"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Where", ["either", "again", "real"], ["y"]),
    ]
    constants = {"half": np.float32(0.5), "mask": np.array([True, False, True])}
    check_against_onnxruntime(make_model(nodes, {"a": (2, 4, 3), "b": (4, 1)}, constants=constants, opset=17))


@pytest.mark.parametrize(("exclusive", "reverse"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_running_sums(exclusive: int, reverse: int) -> None:
    model = one_node("CumSum", (2, 5, 3), np.array(1), exclusive=exclusive, reverse=reverse)
    check_against_onnxruntime(model)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norms_of_planes(p: int) -> None:
    check_against_onnxruntime(one_node("GlobalLpPool", (2, 3, 4, 5), p=p))


def test_every_operator_is_tested() -> None:
    """Its name appears in this file, or ONNX has cases for it (test_node_cases.py)."""
    text = Path(__file__).read_text()
    in_cases = {node.op_type for case in CASES for node in case.model.graph.node}
    assert [name for name in supported_operators() if f'"{name}"' not in text and name not in in_cases] == []


@pytest.mark.parametrize("settings", [{"output_shape": [7, 8]}, {"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"}])
@pytest.mark.parametrize("kernel", [2, 4])
def test_sizes_of_a_transposed_convolution(settings: dict[str, Any], kernel: int) -> None:
    """Padding that follows from sizes: an odd one, and none where kernels do not even reach each other."""
    weights = random_array((3, 2, kernel, kernel), 1)
    model = one_node("ConvTranspose", (1, 3, 3, 4), weights, strides=[2, 2] if kernel == 4 else [3, 3], **settings)
    check_against_onnxruntime(model, tolerance=1e-4)


@pytest.mark.parametrize("mode", ["round_prefer_floor", "round_prefer_ceil"])
@pytest.mark.parametrize(("size", "scale"), [(27, 1.3), (40, 1.3), (27, 0.3), (40, 0.3)])
def test_ties_of_the_nearest_element(mode: str, size: int, scale: float) -> None:
    """Coordinates that only rounding moves away from the middle between two elements."""
    scales = np.array([1, 1, 1, scale], np.float32)
    check_against_onnxruntime(one_node("Resize", (1, 1, 2, size), None, scales, mode="nearest", nearest_mode=mode))


@pytest.mark.parametrize(
    ("mode", "antialias"), [("nearest", 0), ("linear", 0), ("linear", 1), ("cubic", 0), ("cubic", 1)]
)
@pytest.mark.parametrize("factors", [(1.3, 1.3), (1.3, 2.0), (0.5, 1.3)])
def test_scales_that_change_no_size(mode: str, antialias: int, factors: tuple[float, float]) -> None:
    scales = np.array([1, 1, *factors], np.float32)
    check_against_onnxruntime(
        one_node("Resize", (1, 2, 3, 3), None, scales, mode=mode, antialias=antialias, opset=18), tolerance=1e-5
    )


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("pads", [[0, 0], [1, 1]])
def test_lp_pools_with_windows_beyond_the_image(p: int, pads: list[int]) -> None:
    settings = {"p": p, "pads": pads, "kernel_shape": [3], "strides": [3], "ceil_mode": 1}
    check_against_onnxruntime(one_node("LpPool", (1, 2, 47), opset=18, **settings))


@pytest.mark.parametrize("op", ["LpPool", "AveragePool"])
def test_windows_in_the_padding_alone(op: str) -> None:
    """Dilated ones around a line: their sums are those of nothing."""
    settings = {"count_include_pad": 1} if op == "AveragePool" else {}
    window = {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1], "dilations": [2, 2], "strides": [3, 3], "ceil_mode": 1}
    check_against_onnxruntime(one_node(op, (1, 3, 7, 1), opset=19, **window, **settings))
