"""What cannot be imported is refused in one line that names the file, the node and the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_checks import check_against_onnxruntime, make_model, one_node, random_array

from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304") + bytes(500)


def refusal(source: Any, **sizes: Any) -> str:
    """The message of the refusal, which is one line without a trace of Python."""
    with pytest.raises(ColonnadeError) as caught:
        import_model(source, **sizes)
    message = str(caught.value)
    assert message
    assert message.isprintable()
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize(
    ("content", "reason"),
    [(JPEG, "not an ONNX model"), (b"", "not an ONNX model"), (b"hello world\n" * 50, "not an ONNX model")],
    ids=["jpeg", "empty", "text"],
)
def test_a_file_that_is_not_onnx(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "photo.onnx"
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(str(path))
    assert reason in message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.onnx") == f"{tmp_path / 'none.onnx'}: no such file"
    assert "is a directory" in refusal(str(tmp_path))


def test_a_file_cut_short_anywhere(tmp_path: Path) -> None:
    """Each length is refused: a cut never gives a smaller network."""
    path = tmp_path / "cut.onnx"
    whole = (LIGHT / "light_squeezenet.onnx").read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert refusal(path).startswith(str(path))


def test_any_byte_changed_is_no_crash(tmp_path: Path) -> None:
    """A changed byte may leave a valid model; anything else is a refusal, never another exception."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4), helper.make_node("Relu", ["c"], ["y"])]
    model = make_model(nodes, {"x": (1, 2, 5, 5)}, constants={"w": random_array((3, 2, 3, 3))})
    whole = bytearray(model.SerializeToString())
    path = tmp_path / "changed.onnx"
    refusals = []
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 0x15
        path.write_bytes(changed)
        try:
            import_model(path)
        except ColonnadeError as error:
            refusals.append(str(error))
    assert len(refusals) > 50
    assert all(message.isprintable() for message in refusals)


def test_external_data_that_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    weights = random_array((8, 3, 3, 3))
    model = make_model([helper.make_node("Conv", ["x", "w"], ["y"])], {"x": (1, 3, 5, 5)}, constants={"w": weights})
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    np.testing.assert_array_equal(import_model(path).constants["w"], weights)
    (tmp_path / "weights.bin").unlink()
    message = refusal(path)
    assert message.startswith(str(path))
    assert "external data" in message
    (tmp_path / "weights.bin").write_bytes(bytes(10))
    assert refusal(path).startswith(str(path))


def test_an_unsupported_operator_names_the_node_and_the_way_out() -> None:
    node = helper.make_node("Det", ["x"], ["y"], name="foo")
    assert refusal(make_model([node], {"x": (1, 2, 2)})) == (
        "model: node 'foo' has operator Det, which is not supported; "
        "compile with --fallback onnxruntime to run it there"
    )


def test_all_that_is_not_supported_is_listed_at_once() -> None:
    """By operator, the commonest first, beyond values whose shapes can be inferred; nodes that only wait for others,
    or whose shape nobody knows, are not counted."""
    nodes = [
        helper.make_node("Det", ["x"], ["d"], name="first"),
        helper.make_node("Relu", ["d"], ["behind"]),
        helper.make_node("RoiAlign", ["x", "rois", "batch"], ["r"]),
        helper.make_node("Hardmax", ["r"], ["b1"]),
        helper.make_node("Hardmax", ["b1"], ["b2"]),
        helper.make_node("Conv", ["r", "w"], ["refused"]),
        helper.make_node("NonZero", ["x"], ["z"]),
        helper.make_node("Relu", ["z"], ["y"]),
    ]
    constants = {"rois": np.ones((1, 4), np.float32), "batch": np.zeros(1, np.int64), "w": random_array((4, 9, 1, 1))}
    message = refusal(make_model(nodes, {"x": (1, 2, 3, 3)}, ["y", "b2", "behind", "refused"], constants))
    assert message == (
        "model: 6 nodes are not supported: Hardmax (2), Det (1), RoiAlign (1), Conv (1), NonZero (1); "
        "first 'first' (Det); compile with --fallback onnxruntime to run them there"
    )


def test_an_operator_of_another_domain_names_the_domain() -> None:
    node = helper.make_node("FusedConv", ["x"], ["y"], name="foo", domain="com.microsoft")
    model = make_model([node], {"x": (1, 2, 2, 2)})
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert "operator FusedConv (com.microsoft)" in refusal(model)


W = random_array((4, 2, 3, 3))
X = (1, 2, 6, 6)

REFUSED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "weights of another rank": (lambda: one_node("Conv", X, W[..., 0]), "must have rank 4"),
    "whole numbers as weights": (lambda: one_node("Conv", X, W.astype(np.int32)), "is int32"),
    "weights for other channels": (lambda: one_node("Conv", X, W, group=2), "do not fit"),
    "bias of another length": (lambda: one_node("Conv", X, W, random_array([3])), "must be [4]"),
    "another kernel_shape": (lambda: one_node("Conv", X, W, kernel_shape=[1, 1]), "kernel_shape"),
    "window that does not fit": (lambda: one_node("Conv", (1, 2, 2, 6), W), "does not fit"),
    "strides of zero": (lambda: one_node("Conv", X, W, strides=[0, 1]), "strides"),
    "three strides": (lambda: one_node("Conv", X, W, strides=[1, 1, 1]), "strides"),
    "negative pads": (lambda: one_node("Conv", X, W, pads=[-1, 0, 0, 0]), "pads"),
    "absurd pads": (lambda: one_node("Conv", X, W, pads=[2**40, 0, 0, 0]), "too large"),
    "dilated SAME": (lambda: one_node("Conv", X, W, auto_pad="SAME_UPPER", dilations=[2, 2]), "SAME_UPPER"),
    "computed weights": (
        lambda: make_model([helper.make_node("Conv", ["x", "w"], ["y"])], {"x": X, "w": W.shape}),
        "must be a constant",
    ),
    "empty windows": (lambda: one_node("MaxPool", X, kernel_shape=[2, 2], pads=[2, 0, 0, 0]), "without an element"),
    "indices of a max pool": (
        lambda: make_model(
            [
                helper.make_node("MaxPool", ["x"], ["p", "i"], kernel_shape=[2, 2]),
                helper.make_node("Relu", ["i"], ["y"]),
            ],
            {"x": X},
        ),
        "second output",
    ),
    "batch norm of other channels": (lambda: one_node("BatchNormalization", X, *[W[0, 0, 0]] * 4), "shape [2]"),
    "batch norm in training": (
        lambda: one_node("BatchNormalization", X, *[np.ones(2, np.float32)] * 4, opset=15, training_mode=1),
        "evaluation mode",
    ),
    "batch norm in training, before there was an attribute for that": (
        lambda: make_model(
            [helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "m2", "v2", "m3", "v3"])],
            {"x": X},
            constants={name: np.ones(2, np.float32) for name in "sbmv"},
            opset=13,
        ),
        "evaluation mode",
    ),
    "bounds with an axis": (lambda: one_node("Clip", X, random_array([2])), "must be a scalar"),
    "constant of another shape": (lambda: one_node("Add", X, random_array((3, 6, 6))), "do not broadcast"),
    "sum in another dtype": (lambda: one_node("Add", X, np.int64(1)), "is int64"),
    "product of other widths": (lambda: one_node("Gemm", (3, 5), random_array((4, 2))), "does not fit"),
    "addend of another shape": (lambda: one_node("Gemm", (3, 5), random_array((5, 2)), W[0, 0]), "broadcast"),
    "reshape to other elements": (lambda: one_node("Reshape", X, np.array([5, -1])), "cannot become"),
    "reshape to nothing": (lambda: one_node("Reshape", X, np.array([0, 0, 0, 0]), allowzero=1), "cannot become"),
    "squeeze of a long axis": (lambda: one_node("Squeeze", X, np.array([1])), "size 1"),
    "axis out of range": (lambda: one_node("Softmax", X, axis=4), "outside"),
    "axis given twice": (lambda: one_node("Unsqueeze", X, np.array([0, -6])), "twice"),
    "concat of other planes": (
        lambda: make_model([helper.make_node("Concat", ["a", "b"], ["y"], axis=1)], {"a": X, "b": (1, 2, 6, 5)}),
        "cannot be joined",
    ),
    "too few pads": (lambda: one_node("Pad", X, np.array([0, 1])), "2 pads"),
    "cast to few bits": (lambda: one_node("Cast", X, to=onnx.TensorProto.INT8), "int8"),
    "padding by a mirror": (lambda: one_node("Pad", X, np.array([0, 1] * 4), mode="mirror"), "mirror"),
    "elements that are not there": (lambda: one_node("Gather", X, np.array([0, 9]), axis=1), "outside"),
    "slice of nothing": (lambda: one_node("Slice", X, np.array([3]), np.array([3]), np.array([2])), "nothing is left"),
    "split of another size": (lambda: one_node("Split", X, np.array([3, 4]), axis=2), "cannot be split"),
    "resizing to nothing": (lambda: one_node("Resize", X, None, np.array([1, 1, 0.1, 1], np.float32)), "cannot become"),
    "cropping while resizing": (
        lambda: one_node(
            "Resize", X, None, np.array([1, 1, 2, 2], np.float32), coordinate_transformation_mode="tf_crop_and_resize"
        ),
        "tf_crop_and_resize",
    ),
    "transposed weights of other channels": (
        lambda: one_node("ConvTranspose", X, random_array((3, 2, 2, 2))),
        "do not fit",
    ),
    "matrices of other sizes": (lambda: one_node("MatMul", X, random_array((5, 2))), "cannot be multiplied"),
    "missing attribute": (lambda: one_node("MaxPool", X), "kernel_shape"),
    "unknown attribute": (lambda: one_node("Relu", X, colour=3), "colour"),
    "constants that do not fit": (
        lambda: make_model(
            [helper.make_node("Add", ["a", "b"], ["c"], name="the_node"), helper.make_node("Mul", ["x", "c"], ["y"])],
            {"x": X},
            constants={"a": random_array([3]), "b": random_array([4])},
        ),
        "cannot be evaluated",
    ),
    "absurd constant": (
        lambda: make_model(
            [helper.make_node("ConstantOfShape", ["s"], ["c"]), helper.make_node("Mul", ["x", "c"], ["y"])],
            {"x": X},
            constants={"s": np.array([2**40, 2**40])},
        ),
        "too large",
    ),
    "value from nowhere": (lambda: make_model([helper.make_node("Relu", ["z"], ["y"])], {"x": X}), "nothing makes 'z'"),
    "output from nowhere": (
        lambda: make_model([helper.make_node("Relu", ["x"], ["z"])], {"x": X}),
        "nothing makes 'y'",
    ),
    "value made twice": (lambda: make_model([helper.make_node("Relu", ["x"], ["y"])] * 2, {"x": X}), "made twice"),
    "input of unknown size": (
        lambda: make_model([helper.make_node("Relu", ["x"], ["y"])], {"x": (1, "C", 6, 6)}),
        "axis 1",
    ),
    "input without a shape": (lambda: _input_type(helper.make_tensor_type_proto(1, None)), "has no shape"),
    "input of bytes": (lambda: _input_type(helper.make_tensor_type_proto(2, X)), "is UINT8"),
    "input that is no tensor": (
        lambda: _input_type(helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, X))),
        "is not a tensor",
    ),
    "no input": (
        lambda: make_model([helper.make_node("Relu", ["c"], ["y"])], {}, constants={"c": W}),
        "no input to run on",
    ),
    "integer output": (lambda: one_node("Shape", X), "int64"),
    "opset of the future": (lambda: one_node("Relu", X, opset=99), "opset 99"),
    "opset of the past": (lambda: one_node("Relu", X, opset=6), "opset 6"),
}


def _input_type(type_proto: onnx.TypeProto) -> onnx.ModelProto:
    model = make_model([helper.make_node("Relu", ["x"], ["y"])], {"x": X})
    model.graph.input[0].type.CopyFrom(type_proto)
    return model


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(make: Callable[[], onnx.ModelProto], reason: str) -> None:
    model = make()
    message = refusal(model)
    assert message.startswith("model: ")
    assert reason in message
    if any(node.name == "the_node" for node in model.graph.node) and "opset" not in reason and "int64" not in reason:
        assert "node 'the_node'" in message


@pytest.mark.parametrize("sizes", [{"batch": 0}, {"batch": -1}, {"input_size": 0}, {"input_size": (5, -1)}])
def test_sizes_must_be_positive(sizes: dict[str, Any]) -> None:
    assert "must be positive" in refusal(one_node("Relu", X), **sizes)


@pytest.mark.parametrize(
    ("declared", "sizes", "expected"),
    [
        (("N", 3, "H", "W"), {}, (1, 3, 224, 224)),
        ((None, 3, None, None), {"batch": 2, "input_size": 8}, (2, 3, 8, 8)),
        ((0, 3, -1, 6), {"input_size": (7, 9)}, (1, 3, 7, 9)),
        ((1, 3, 6, 6), {"batch": 4}, (4, 3, 6, 6)),
        ((5, 3, 6, 6), {}, (5, 3, 6, 6)),
        ((5, 3, 6, 6), {"input_size": 9}, (5, 3, 9, 9)),
        (("N", 10), {"batch": 3, "input_size": 8}, (3, 10)),
    ],
)
def test_shape_of_the_input(declared: tuple[Any, ...], sizes: dict[str, Any], expected: tuple[int, ...]) -> None:
    graph = import_model(make_model([helper.make_node("Relu", ["x"], ["y"])], {"x": declared}), **sizes)
    assert graph.shapes["x"] == graph.shapes["y"] == expected


def test_initializers_among_the_inputs_are_constants() -> None:
    """IR version 3 lists them in both places."""
    model = one_node("Conv", X, W)
    model.graph.input.append(helper.make_tensor_value_info("c0", onnx.TensorProto.FLOAT, W.shape))
    graph = import_model(model)
    assert graph.inputs == ("x",)
    assert set(graph.constants) >= {"c0"}


def test_local_functions_are_inlined() -> None:
    body = [helper.make_node("Relu", ["a"], ["r"]), helper.make_node("Add", ["r", "a"], ["b"])]
    function = helper.make_function("local", "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    model = make_model([helper.make_node("F", ["x"], ["y"], domain="local")], {"x": X})
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.functions.append(function)
    check_against_onnxruntime(model)


def test_names_of_the_file_are_kept() -> None:
    """Weights under their initializer's name, values and nodes under theirs; unnamed nodes by their output."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], name="stem"), helper.make_node("Sum", ["c", "c", "c"], ["y"])]
    graph = import_model(make_model(nodes, {"x": X}, constants={"w": W}))
    assert [node.name for node in graph.nodes] == ["stem", "y", "y.1"]
    assert graph.nodes[0].inputs[:2] == ("x", "w")
    assert (graph.nodes[0].output, graph.nodes[2].output) == ("c", "y")


def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "loop.onnx"
    path.symlink_to(path)
    assert refusal(path).startswith(f"{path}: cannot be read")


def test_a_damaged_initializer() -> None:
    model = one_node("Conv", X, W)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(W, "c0"))
    model.graph.initializer[0].raw_data = W.tobytes()[:-4]
    assert "'c0' is damaged" in refusal(model)


@pytest.mark.parametrize(
    ("shapes", "says"),
    [({"y": (1, 2)}, "no input 'y'"), ({"x": (1, 2)}, "has 3 axes"), ({"x": (1, 0, 2)}, "cannot have shape [1, 0, 2]")],
)
def test_shapes_that_no_input_has(shapes: dict[str, tuple[int, ...]], says: str) -> None:
    model = make_model([helper.make_node("Relu", ["x"], ["y"])], {"x": ("N", "T", 8)})
    assert says in refusal(model, shapes=shapes)
    assert "give its shape, as in --shape x=1,?,8" in refusal(model)


def test_the_whole_shape_of_an_input() -> None:
    model = make_model([helper.make_node("Add", ["x", "h"], ["y"])], {"x": ("N", "T", 8), "h": (1, 1, 8)})
    graph = import_model(model, shapes={"x": (2, 5, 8)})
    assert (graph.shapes["x"], graph.shapes["y"]) == ((2, 5, 8), (2, 5, 8))
