"""Pruned ONNX models: zeros where the rule says, everything else untouched, and ONNX Runtime still runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from colonnade import zoo
from colonnade.errors import ColonnadeError
from colonnade.sparse import Pattern, convolution_mask, prune_model, recover_tiles

EXPECTED = Pattern(0.5)


def random_weights(*shape: int, seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def conv(name: str, x: str, weights: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node("Conv", [x, weights], [f"{name}.out"], name=name, **attributes)


def chain(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], *, outputs: tuple[str, ...] = (), channels: int = 3
) -> onnx.ModelProto:
    """A model from "x" [1, channels, 8, 8]; its outputs are `outputs`, else what the last node makes."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs or nodes[-1].output]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, 8, 8])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "chain", [x], values, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def two_convolutions(weights: np.ndarray, **attributes: int) -> onnx.ModelProto:
    """A stem of weights "stem" and a convolution "body" of the given ones, called "w"."""
    stem = random_weights(weights.shape[1] * attributes.get("group", 1), 3, 1, 1, seed=9).astype(weights.dtype)
    return chain([conv("stem", "x", "stem"), conv("body", "stem.out", "w", **attributes)], {"stem": stem, "w": weights})


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def run(model: onnx.ModelProto, name: str, shape: tuple[int, ...]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(3).standard_normal(shape, dtype=np.float32)
    return np.asarray(session.run(None, {name: x})[0])


@pytest.mark.parametrize("network", ["resnet18", "mobilenet_v2"])
def test_a_real_network(network: str) -> None:
    model = zoo.build(network, input_size=64, classes=50)
    before = model.SerializeToString(deterministic=True)
    pruned, report = prune_model(model, sparsity=0.75)
    assert model.SerializeToString(deterministic=True) == before

    old, new = constants(model), constants(pruned)
    rows = {layer.name: layer for layer in report.layers}
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        layer, weights = rows.pop(node.name), old.pop(node.input[1])
        result = new.pop(node.input[1])
        if layer.reason is None:
            mask = convolution_mask(weights, 1, Pattern(0.75))
            assert np.array_equal(result, np.where(mask, weights, 0))
            assert (layer.shape, layer.tile, layer.columns) == (weights.shape, 8, weights[0].size)
            assert layer.kept_columns == weights[0].size // 4
            assert layer.achieved == pytest.approx(0.75)
        else:
            assert np.array_equal(result, weights)
            assert (layer.reason == "depthwise") == (weights.shape[1] == 1)
    assert not rows
    assert all(value.tobytes() == new[name].tobytes() for name, value in old.items())
    assert [layer.name for layer in report.layers if layer.reason and layer.reason.startswith("stem")] == [
        node.name for node in model.graph.node[:1]
    ]

    logits, dense = run(pruned, "input", (2, 3, 64, 64)), run(model, "input", (2, 3, 64, 64))
    assert np.isfinite(logits).all()
    assert logits.std() > 1
    assert np.abs(logits - dense).max() > 0.1  # it did prune


def test_the_tiles_come_back_from_the_file() -> None:
    pruned, report = prune_model(zoo.build("resnet18", input_size=32, classes=2), sparsity=0.5)
    stored = constants(pruned)
    for layer in report.pruned:
        matrix = stored[f"{layer.name}.weight"].reshape(layer.shape[0], -1)
        tiles = recover_tiles(matrix, 8)
        assert [t.rows for t in tiles] == [tuple(range(i, i + 8)) for i in range(0, layer.shape[0], 8)]
        assert {len(t.columns) for t in tiles} == {layer.kept_columns}


def test_grouped_convolution() -> None:
    weights = random_weights(20, 6, 3, 3)
    pruned, report = prune_model(two_convolutions(weights, group=2), sparsity=0.5)
    assert np.array_equal(constants(pruned)["w"] != 0, convolution_mask(weights, 2, EXPECTED))
    assert report.layers[1].shape == (20, 6, 3, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_types_keep_their_type(dtype: type) -> None:
    weights = random_weights(16, 8, 1, 1, dtype=dtype)
    pruned, _ = prune_model(two_convolutions(weights), sparsity=0.5)
    result = constants(pruned)["w"]
    assert result.dtype == dtype
    assert np.array_equal(result, np.where(convolution_mask(weights, 1, EXPECTED), weights, 0))


def test_weights_stored_as_float_data() -> None:
    weights = random_weights(16, 8, 1, 1)
    model = two_convolutions(weights)
    tensor = model.graph.initializer[1]
    tensor.CopyFrom(helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel().tolist()))
    assert tensor.float_data
    pruned, _ = prune_model(model, sparsity=0.5)
    onnx.checker.check_tensor(pruned.graph.initializer[1])  # which refuses values held twice
    assert np.array_equal(constants(pruned)["w"], np.where(convolution_mask(weights, 1, EXPECTED), weights, 0))


def test_weights_from_a_constant_node_by_way_of_identity() -> None:
    weights = random_weights(16, 8, 1, 1)
    nodes = [
        helper.make_node("Constant", [], ["raw"], value=numpy_helper.from_array(weights)),
        helper.make_node("Identity", ["raw"], ["w"]),
        conv("stem", "x", "stem"),
        conv("body", "stem.out", "w"),
    ]
    pruned, report = prune_model(chain(nodes, {"stem": random_weights(8, 3, 1, 1)}), sparsity=0.5)
    stored = numpy_helper.to_array(pruned.graph.node[0].attribute[0].t)
    assert np.array_equal(stored, np.where(convolution_mask(weights, 1, EXPECTED), weights, 0))
    assert [layer.name for layer in report.pruned] == ["body"]


def test_two_convolutions_that_share_weights_are_pruned_as_one() -> None:
    weights = random_weights(8, 8, 1, 1)
    nodes = [conv("stem", "x", "stem"), conv("a", "stem.out", "w"), conv("b", "a.out", "w")]
    pruned, report = prune_model(chain(nodes, {"stem": random_weights(8, 3, 1, 1), "w": weights}), sparsity=0.5)
    assert np.array_equal(constants(pruned)["w"], np.where(convolution_mask(weights, 1, EXPECTED), weights, 0))
    assert [(layer.name, layer.achieved) for layer in report.pruned] == [("a", 0.5), ("b", 0.5)]


def left_dense(model: onnx.ModelProto, **arguments: object) -> dict[str, str | None]:
    """Prunes, checks that layers with a reason kept their weights, and returns the reasons."""
    pruned, report = prune_model(model, sparsity=0.5, **arguments)  # type: ignore[arg-type]
    reasons = {layer.name: layer.reason for layer in report.layers}
    old, new = constants(model), constants(pruned)
    for node in model.graph.node:
        if node.op_type == "Conv" and reasons[node.name] and node.input[1] in old:
            assert np.array_equal(old[node.input[1]], new[node.input[1]])
    return reasons


def test_why_layers_stay_dense() -> None:
    nodes = [
        conv("stem", "x", "stem"),
        conv("depthwise", "stem.out", "d", group=8),
        conv("few", "depthwise.out", "f", group=2),
        conv("kept", "few.out", "k"),
        conv("partner", "kept.out", "k"),
        helper.make_node("Abs", ["s"], ["magnitudes"]),
        conv("shared", "partner.out", "s"),
        conv("computed", "shared.out", "magnitudes"),
        conv("pruned", "computed.out", "p"),
    ]
    square = {name: random_weights(8, 8, 1, 1, seed=ord(name)) for name in "ksp"}
    others = {"stem": (8, 3, 1, 1), "d": (8, 1, 1, 1), "f": (8, 4, 1, 1)}
    model = chain(nodes, square | {name: random_weights(*shape) for name, shape in others.items()})
    assert left_dense(model, skip=["ke*"]) == {
        "stem": "stem: reads the model's input",
        "depthwise": "depthwise",
        "few": "4 input channels per group",
        "kept": "named in skip",
        "partner": "shares its weights with 'kept', which stays dense",
        "shared": "weights are also read by other operators",
        "computed": "weights are not constant",
        "pruned": None,
    }


def test_weights_that_are_also_an_output_stay_as_they_are() -> None:
    nodes = [conv("stem", "x", "stem"), conv("a", "stem.out", "w"), conv("b", "a.out", "v")]
    weights = {"stem": random_weights(8, 3, 1, 1), "w": random_weights(8, 8, 1, 1), "v": random_weights(8, 8, 1, 1)}
    reasons = left_dense(chain(nodes, weights, outputs=("b.out", "w")))
    assert reasons["a"] == "weights are also read by other operators"
    assert reasons["b"] is None


def test_weights_that_a_branch_of_an_if_reads_stay_as_they_are() -> None:
    value = helper.make_tensor_value_info("copy", TensorProto.FLOAT, None)
    body = helper.make_graph([helper.make_node("Abs", ["w"], ["copy"])], "body", [], [value])
    nodes = [
        conv("stem", "x", "stem"),
        conv("a", "stem.out", "w"),
        conv("b", "a.out", "v"),
        helper.make_node("If", ["condition"], ["y"], then_branch=body, else_branch=body),
    ]
    weights = {"stem": random_weights(8, 3, 1, 1), "w": random_weights(8, 8, 1, 1), "v": random_weights(8, 8, 1, 1)}
    reasons = left_dense(chain(nodes, weights | {"condition": np.array(True)}, outputs=("b.out", "y")))
    assert reasons["a"] == "weights are also read by other operators"
    assert reasons["b"] is None


def test_skip_takes_names_and_globs() -> None:
    model = zoo.build("resnet18", input_size=32, classes=2)
    reasons = left_dense(model, skip=["layer1.*", "layer4.1.conv2"])
    assert {name for name, reason in reasons.items() if reason == "named in skip"} == {
        *(f"layer1.{block}.conv{index}" for block in (0, 1) for index in (1, 2)),
        "layer4.1.conv2",
    }


def test_a_node_without_name_goes_by_its_output() -> None:
    model = two_convolutions(random_weights(8, 8, 1, 1))
    model.graph.node[1].name = ""
    _, report = prune_model(model, sparsity=0.5)
    assert report.pruned[0].name == "body.out"


def test_sparsity_zero_changes_no_weight() -> None:
    model = two_convolutions(random_weights(8, 8, 1, 1))
    pruned, report = prune_model(model, sparsity=0.0)
    assert pruned.graph.SerializeToString() == model.graph.SerializeToString()
    assert (report.layers[1].kept_columns, report.layers[1].achieved, report.sparsity) == (8, 0.0, 0.0)


def test_report_adds_up() -> None:
    _, report = prune_model(two_convolutions(random_weights(16, 8, 1, 1)), sparsity=0.75)
    assert report.sparsity == pytest.approx(0.75 * 128 / (128 + 24))


@pytest.mark.parametrize(
    ("tile", "chooser", "chosen"),
    [
        (4, None, 4),
        ("auto", None, 8),
        ("auto", lambda rows, columns, sparsity: (rows, columns, sparsity) == (10, 54, 0.5) and 5, 5),
        (4, lambda *_: 5, 4),
    ],
)
def test_tile_choice(tile: int, chooser: Callable[[int, int, float], int] | None, chosen: int) -> None:
    weights = random_weights(20, 6, 3, 3)
    pruned, report = prune_model(two_convolutions(weights, group=2), sparsity=0.5, tile=tile, choose_tile=chooser)
    assert report.layers[1].tile == chosen
    assert np.array_equal(constants(pruned)["w"] != 0, convolution_mask(weights, 2, Pattern(0.5, chosen)))


def test_group_is_passed_on() -> None:
    weights = random_weights(8, 10, 1, 1)
    pruned, report = prune_model(two_convolutions(weights), sparsity=0.5, group=4)
    assert np.array_equal(constants(pruned)["w"] != 0, convolution_mask(weights, 1, Pattern(0.5, group=4)))
    assert report.layers[1].kept_columns == 2 + 2 + 1


def test_metadata_records_the_request_beside_what_was_there() -> None:
    model = two_convolutions(random_weights(8, 8, 1, 1))
    helper.set_model_props(model, {"author": "someone"})
    once, _ = prune_model(model, sparsity=0.25)
    twice, _ = prune_model(once, sparsity=0.5, tile="auto", skip=["stem"])
    properties = {entry.key: entry.value for entry in twice.metadata_props}
    assert properties.pop("author") == "someone"
    assert json.loads(properties.pop("colonnade.prune")) == {
        "sparsity": 0.5,
        "tile": "auto",
        "group": None,
        "skip": ["stem"],
    }
    assert not properties


def broken_weights() -> onnx.ModelProto:
    weights = random_weights(8, 8, 1, 1)
    weights[3, 2] = np.nan
    return two_convolutions(weights)


def unloaded_weights() -> onnx.ModelProto:
    model = two_convolutions(random_weights(8, 8, 1, 1))
    model.graph.initializer[1].data_location = TensorProto.EXTERNAL
    return model


def no_convolution() -> onnx.ModelProto:
    return chain([helper.make_node("Relu", ["x"], ["y"])], {})


def only_a_stem() -> onnx.ModelProto:
    return chain([conv("stem", "x", "stem")], {"stem": random_weights(8, 3, 1, 1)})


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (broken_weights, {}, "convolution 'body': weights hold NaN or infinity"),
        (unloaded_weights, {}, "convolution 'body': weights 'w' are in a file that was not loaded"),
        (no_convolution, {}, "chain: nothing to prune: it has no convolutions"),
        (only_a_stem, {}, "chain: nothing to prune, all 1 convolutions stay dense: 1 x stem: reads the model's input"),
        (only_a_stem, {"skip": ["stam"]}, "skip: no convolution is called 'stam'; the nearest are stem"),
        (only_a_stem, {"sparsity": 1.5}, "sparsity is 1.5: it must be"),
        (only_a_stem, {"tile": 0}, "tile is 0: it must be at least 1"),
        (only_a_stem, {"group": 0}, "group is 0: it must be at least 1"),
    ],
)
def test_errors_are_one_line(model: Callable[[], onnx.ModelProto], arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ColonnadeError) as raised:
        prune_model(model(), **({"sparsity": 0.5} | arguments))  # type: ignore[arg-type]
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)
