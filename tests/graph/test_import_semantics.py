"""What the importer makes of files that are unusual and right: element types, order of nodes, quantised weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_checks import (
    NEWEST_OPSET,
    assert_close,
    check_against_onnxruntime,
    make_model,
    node_cases,
    one_node,
    random_array,
    run_onnxruntime,
)

from colonnade.errors import ColonnadeError
from colonnade.graph import functions
from colonnade.graph.onnx_import import import_model
from colonnade.graph.reference import run_reference

X = (1, 2, 6, 6)
W = random_array((4, 2, 3, 3))


def _model_of(dtype: int, opset: int = 17) -> onnx.ModelProto:
    """Conv and Relu whose input, weights and output have one element type."""
    weights = numpy_helper.from_array(W.astype(helper.tensor_dtype_to_np_dtype(dtype)), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Relu", ["c"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", dtype, X)],
        [helper.make_tensor_value_info("y", dtype, None)],
        [weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16])
def test_other_real_types_are_computed_in_f32(dtype: int) -> None:
    graph = import_model(_model_of(dtype))
    stored = W.astype(helper.tensor_dtype_to_np_dtype(dtype)).astype(np.float32)
    np.testing.assert_array_equal(graph.constants["w"], stored)
    assert graph.notes == (f"its {np.dtype(helper.tensor_dtype_to_np_dtype(dtype))} values are computed in float32",)
    plain = make_model([helper.make_node("Conv", ["x", "w"], ["y"])], {"x": X}, constants={"w": stored})
    feeds = {"x": random_array(X)}
    expected = np.maximum(run_onnxruntime(plain, feeds)["y"], 0)
    assert_close(run_reference(graph, feeds)["y"], expected)


def test_a_plain_model_has_no_notes() -> None:
    assert import_model(one_node("Conv", X, W)).notes == ()


def test_casts_between_real_types_are_no_casts() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Cast", ["r"], ["y"], to=TensorProto.FLOAT),
    ]
    graph = import_model(make_model(nodes, {"x": X}))
    x = random_array(X)
    np.testing.assert_array_equal(run_reference(graph, {"x": x})["y"], np.maximum(x, 0))
    assert graph.notes == ("its float16 values are computed in float32",)


def test_doubles_keep_their_digits_among_constants() -> None:
    """A shape that is computed in double: 16777217 has no f32."""
    nodes = [
        helper.make_node("Sub", ["a", "b"], ["d"]),
        helper.make_node("Cast", ["d"], ["n"], to=TensorProto.INT64),
        helper.make_node("Concat", ["n", "rest"], ["s"], axis=0),
        helper.make_node("Reshape", ["x", "s"], ["y"]),
    ]
    constants = {"a": np.array([2.0**24 + 1]), "b": np.array([2.0**24]), "rest": np.array([72])}
    graph = import_model(make_model(nodes, {"x": X}, constants=constants))
    assert graph.shapes["y"] == (1, 72)


# There was no axis before opset 13.
@pytest.mark.parametrize(
    ("opset", "per_axis"), [(10, False), *((opset, axis) for opset in (13, 17, 19, 21) for axis in (False, True))]
)
def test_quantised_weights(opset: int, per_axis: bool) -> None:
    """The pair of quantisation and its inverse, as quantisers leave it, and the inverse alone."""
    rng = np.random.default_rng(0)
    scale = np.full(4, 0.02, np.float32) if per_axis else np.float32(0.02)
    zero = np.arange(4).astype(np.int8) if per_axis else np.int8(3)
    axis = {"axis": 0} if per_axis else {}
    stored = rng.integers(-127, 128, W.shape).astype(np.int8)
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], **axis),
        helper.make_node("QuantizeLinear", ["v", "s", "z"], ["p"], **axis),
        helper.make_node("DequantizeLinear", ["p", "s", "z"], ["u"], **axis),
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Conv", ["x", "u"], ["d"]),
        helper.make_node("Add", ["c", "d"], ["y"]),
    ]
    constants = {"q": stored, "v": W, "s": np.asarray(scale), "z": np.asarray(zero)}
    check_against_onnxruntime(make_model(nodes, {"x": X}, constants=constants, opset=opset))


CONSTANT_LAYERS: dict[str, tuple[str, tuple[np.ndarray, ...], dict[str, Any]]] = {
    "Conv": ("Conv", (random_array((1, 2, 8, 8)), W), {"pads": [1, 1, 1, 1], "strides": [1, 1]}),
    "MaxPool": ("MaxPool", (random_array((1, 4, 8, 8)),), {"kernel_shape": [2, 2]}),
    "AveragePool": ("AveragePool", (random_array((1, 4, 8, 8)),), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "Softmax": ("Softmax", (random_array((1, 4, 6, 6)),), {"axis": 1}),
    "LRN": ("LRN", (random_array((1, 4, 6, 6)),), {"size": 3}),
    "Sigmoid": ("Sigmoid", (random_array((1, 4, 6, 6)),), {}),
    "GlobalAveragePool": ("GlobalAveragePool", (random_array((1, 4, 6, 6)),), {}),
    "BatchNormalization": (
        "BatchNormalization",
        (random_array((1, 4, 6, 6)), *(np.abs(random_array([4], seed)) + 0.1 for seed in range(4))),
        {},
    ),
}


@pytest.mark.parametrize(("op_type", "constants", "attributes"), CONSTANT_LAYERS.values(), ids=CONSTANT_LAYERS.keys())
@pytest.mark.parametrize("opset", [9, 11, 13, 17])
def test_layers_of_constants_are_computed_as_the_graph_does(
    op_type: str, constants: tuple[np.ndarray, ...], attributes: dict[str, Any], opset: int
) -> None:
    names = [f"c{i}" for i in range(len(constants))]
    shape = helper.make_node("GlobalAveragePool", ["t"], ["m"])
    nodes = [helper.make_node(op_type, names, ["t"], **attributes), shape, helper.make_node("Add", ["x", "m"], ["y"])]
    given = dict(zip(names, constants, strict=True))
    check_against_onnxruntime(make_model(nodes, {"x": (1, 4, 5, 5)}, constants=given, opset=opset))


@pytest.mark.parametrize("reverse", [lambda nodes: nodes[::-1], lambda nodes: nodes[1::2] + nodes[::2]])
def test_nodes_in_another_order(reverse: Callable[[list[onnx.NodeProto]], list[onnx.NodeProto]]) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Neg", ["c0"], ["c1"]),
        helper.make_node("Add", ["b", "c1"], ["c"]),
        helper.make_node("Mul", ["c", "b"], ["y"]),
    ]
    constants = {"w": W, "c0": np.ones((1, 4, 1, 1), np.float32)}
    expected = import_model(make_model(nodes, {"x": X}, constants=constants))
    found = import_model(make_model(reverse(nodes), {"x": X}, constants=constants))
    assert sorted(map(str, found.nodes)) == sorted(map(str, expected.nodes))
    feeds = {"x": random_array(X)}
    np.testing.assert_array_equal(run_reference(found, feeds)["y"], run_reference(expected, feeds)["y"])


def test_nodes_that_wait_for_each_other() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], name="fine"),
        helper.make_node("Add", ["r", "b"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="second"),
        helper.make_node("Relu", ["b"], ["y"], name="behind"),
    ]
    with pytest.raises(ColonnadeError) as caught:
        import_model(make_model(nodes, {"x": X}))
    assert str(caught.value) in {
        "model: nodes wait for each other in a circle: 'first', 'second'",
        "model: nodes wait for each other in a circle: 'second', 'first'",
    }


def test_a_folded_constant_that_is_an_output() -> None:
    nodes = [helper.make_node("Mul", ["a", "a"], ["b"]), helper.make_node("Relu", ["x"], ["y"])]
    a = random_array((3, 2))
    graph = import_model(make_model(nodes, {"x": X}, outputs=("y", "b"), constants={"a": a}))
    np.testing.assert_array_equal(graph.constants["b"], a * a)


@pytest.mark.parametrize("name", ["test_attention_4d", "test_attention_4d_gqa", "test_attention_4d_causal"])
def test_operators_that_onnx_defines_by_others_are_expanded(name: str) -> None:
    """No function reads them: ONNX's own case is right all the same."""
    case = next((case for case in node_cases() if case.name == name), None)
    if case is None:
        pytest.skip("this version of onnx has no such case")
    assert case.model is not None
    check_against_onnxruntime(case.model)


def test_expanding_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "SPARE_NODES", 1000)
    model = make_model([helper.make_node("SwiGLU", ["x"], ["y"])] * 100, {"x": (2, 4)}, opset=NEWEST_OPSET)
    with pytest.raises(ColonnadeError, match="100 operators may make 25600 nodes"):
        import_model(model)
