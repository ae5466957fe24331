"""Fields of an ONNX file that hold what none may hold: each is one clear line, as the API and the command show it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_checks import make_model, one_node, random_array

from colonnade import api
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model

X = (1, 2, 6, 6)
W = random_array((4, 2, 3, 3))


def _conv() -> onnx.ModelProto:
    return one_node("Conv", X, W)


def _data_type_255() -> onnx.ModelProto:
    model = _conv()
    model.graph.initializer[0].data_type = 255
    return model


def _negative_dims() -> onnx.ModelProto:
    model = one_node("Add", X, random_array([6]))
    model.graph.initializer[0].dims[:] = [-1]
    return model


def _element_type_99() -> onnx.ModelProto:
    model = _conv()
    model.graph.input[0].type.tensor_type.elem_type = 99
    return model


def _reference_outside_a_function() -> onnx.ModelProto:
    model = one_node("Softmax", X)
    attribute = model.graph.node[0].attribute.add(name="axis", type=onnx.AttributeProto.INT)
    attribute.ref_attr_name = "axis_of_the_function"
    return model


def _reference_among_constants() -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["c"], name="the_node")
    node.attribute.add(name="value_float", type=onnx.AttributeProto.FLOAT).ref_attr_name = "v"
    return make_model([node, helper.make_node("Add", ["x", "c"], ["y"])], {"x": X})


def _without_outputs() -> onnx.ModelProto:
    model = _conv()
    del model.graph.output[:]
    return model


def _outputs_twice() -> onnx.ModelProto:
    model = _conv()
    model.graph.output.append(model.graph.output[0])
    return model


def _inputs_twice() -> onnx.ModelProto:
    model = _conv()
    model.graph.input.append(model.graph.input[0])
    return model


def _nameless_input() -> onnx.ModelProto:
    model = _conv()
    model.graph.input.add().CopyFrom(model.graph.input[0])
    model.graph.input[1].name = ""
    return model


def _output_of_bytes() -> onnx.ModelProto:
    model = _conv()
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    return model


def _external_data() -> onnx.ModelProto:
    model = _conv()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return model


def _unknown_attribute_type() -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["c"], name="the_node", value_float=1.0)
    written = node.attribute[0].SerializeToString()
    node.attribute[0].ParseFromString(written.replace(b"\xa0\x01\x01", b"\xa0\x01\x4d"))  # field 20, the type: 77
    return make_model([node, helper.make_node("Add", ["x", "c"], ["y"])], {"x": X})


DAMAGED: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "initializer of type 255": (_data_type_255, "initializer 'c0' is damaged: element type 255 is unknown"),
    "negative dimensions of an initializer": (_negative_dims, "shape [-1] is not possible"),
    "cast to -1": (lambda: one_node("Cast", X, to=-1), "element type -1 is unknown"),
    "cast of a constant to -1": (
        lambda: make_model(
            [helper.make_node("Cast", ["a"], ["c"], to=-1), helper.make_node("Add", ["x", "c"], ["y"])],
            {"x": X},
            constants={"a": np.ones(1, np.int64)},
        ),
        "element type -1 is unknown",
    ),
    "input of type 99": (_element_type_99, "input 'x' is 99"),
    "attribute of no function": (_reference_outside_a_function, "axis_of_the_function"),
    "attribute of no function, of a constant": (_reference_among_constants, "outside of one"),
    "no outputs": (_without_outputs, "it has no outputs"),
    "an output twice": (_outputs_twice, "listed twice"),
    "an input twice": (_inputs_twice, "'x' is made twice"),
    "an input without a name": (_nameless_input, "has no name"),
    "external data of a loaded model": (_external_data, "its data lies in another file"),
    "output declared to be of another type": (_output_of_bytes, "output 'y' is UINT8"),
    "unknown padding": (lambda: one_node("Conv", X, W, auto_pad="SOMEHOW"), "auto_pad is 'SOMEHOW'"),
    "LRN over 2^40 channels": (lambda: one_node("LRN", X, size=2**40), "attribute size is 1099511627776"),
    "LRN over an even number of channels": (lambda: one_node("LRN", X, size=4), "it must be odd"),
    "attribute of an unknown type": (_unknown_attribute_type, "the_node"),
    "whole numbers divided by zero": (
        lambda: make_model(
            [helper.make_node("Div", ["a", "a"], ["c"]), helper.make_node("Reshape", ["x", "c"], ["y"])],
            {"x": X},
            constants={"a": np.zeros(1, np.int64)},
        ),
        "divided by zero",
    ),
}


def _refused(source: onnx.ModelProto | Path) -> str:
    with pytest.raises(ColonnadeError) as caught:
        import_model(source)
    message = str(caught.value)
    assert message.isprintable()
    return message


@pytest.mark.parametrize(("make", "reason"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damage(tmp_path: Path, make: Callable[[], onnx.ModelProto], reason: str) -> None:
    model = make()
    assert reason in _refused(model)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    if "another file" not in reason:
        assert _refused(path).startswith(str(path))


@pytest.mark.parametrize("text", [b"the_node", b"c0", b"Conv", b"model"])
def test_names_that_are_not_utf_8(tmp_path: Path, text: bytes) -> None:
    whole = one_node("Conv", X, W).SerializeToString()
    assert text in whole
    path = tmp_path / "model.onnx"
    path.write_bytes(whole.replace(text, b"\xff" * len(text)))
    assert _refused(path) == f"{path}: the model is damaged: a name in it is not UTF-8"


def test_a_node_that_makes_nothing_is_no_crash() -> None:
    model = _conv()
    model.graph.node.add(op_type="Relu", input=["x"])
    assert "Relu" in _refused(model)


def test_an_output_of_seven_axes() -> None:
    model = make_model(
        [helper.make_node("Reshape", ["x", "s"], ["y"])], {"x": X}, constants={"s": np.array([1, 1, 1, 2, 6, 3, 2])}
    )
    with pytest.raises(ColonnadeError, match="output 'y' has 7 axes; a model file holds at most 6"):
        api.compile(api.Model(model, "model"), plan="default")


def test_a_refusal_that_names_an_escape_sequence() -> None:
    model = _conv()
    model.graph.node[0].name = "\x1b]0;title\x07\x1b[31m\x9b2J\u202e"
    model.graph.node[0].op_type = "Det"
    message = _refused(model)
    assert "title" in message
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(message)


def _pruned(model: onnx.ModelProto) -> str:
    with pytest.raises(ColonnadeError) as caught:
        api.prune(api.Model(model, "model"), 0.5)
    return str(caught.value)


def test_pruning_of_damaged_files() -> None:
    """Pruning reads convolutions without importing the whole file."""
    circle = _conv()
    circle.graph.node[0].input[1] = "i"
    circle.graph.node.extend([helper.make_node("Identity", ["i"], ["j"]), helper.make_node("Identity", ["j"], ["i"])])
    assert "weights are not constant" in _pruned(circle)
    cut = _conv()
    del cut.graph.node[0].input[1:]
    assert "no weights" in _pruned(cut)
    assert "element type 255 is unknown" in _pruned(_data_type_255())
    for group in (0, -1):
        model = one_node("Conv", X, W, group=group)
        assert f"do not fit {group} groups" in _pruned(model)
