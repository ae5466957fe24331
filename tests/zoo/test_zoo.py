"""The zoo's networks: torchvision's sizes, sane activations, and the same bytes for the same arguments."""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from colonnade import zoo
from colonnade.errors import ColonnadeError
from colonnade.sparse import prune_model

# Parameters, and billions of multiply-adds at 224 x 224, as torchvision's documentation lists them.
TORCHVISION = {
    "resnet18": (11_689_512, 1.81),
    "resnet34": (21_797_672, 3.66),
    "resnet50": (25_557_032, 4.09),
    "resnet101": (44_549_160, 7.80),
    "resnet152": (60_192_808, 11.51),
    "mobilenet_v2": (3_504_872, 0.30),
    "densenet121": (7_978_856, 2.83),
}


def learned(model: onnx.ModelProto) -> int:
    """Weights, biases, gammas and betas."""
    return sum(math.prod(t.dims) for t in model.graph.initializer if t.name.endswith((".weight", ".bias")))


def multiply_adds(model: onnx.ModelProto) -> int:
    """Of convolutions and fully connected layers, for one image."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    weights = {tensor.name: tensor.dims for tensor in inferred.initializer}
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in inferred.value_info}
    total = 0
    for node in inferred.node:
        if node.op_type == "Conv":
            total += math.prod(weights[node.input[1]]) * math.prod(shapes[node.output[0]][2:])
        elif node.op_type == "Gemm":
            total += math.prod(weights[node.input[1]])
    return total


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


# Parameters, and billions of multiply-adds at 640 x 640, as Ultralytics lists them (half of its FLOPs).
ULTRALYTICS = {"yolov8n": (3_157_200, 4.35), "yolo11n": (2_624_080, 3.25)}
# Shapes of the outputs at the default input size.
OUTPUTS = {
    "yolov8n": [1, 84, 2100],
    "yolo11n": [1, 84, 2100],
    "unet": [1, 21, 320, 320],
    "text_detector": [1, 1, 320, 320],
}


def test_the_tables_cover_the_zoo() -> None:
    assert set(TORCHVISION) == set(zoo.CLASSIFIERS)
    assert {*TORCHVISION, *OUTPUTS} == set(zoo.NAMES)


@pytest.mark.parametrize("name", ULTRALYTICS)
def test_parameters_and_multiply_adds_are_ultralytics(name: str) -> None:
    model = zoo.build(name, batch=1, input_size=640)
    parameters, billions = ULTRALYTICS[name]
    assert learned(model) == parameters
    assert multiply_adds(model) / 1e9 == pytest.approx(billions, abs=0.06)


@pytest.mark.parametrize("name", OUTPUTS)
def test_detectors_and_segmenters(name: str) -> None:
    """Activations that keep their scale, and outputs that differ from place to place."""
    model = zoo.build(name, batch=1)
    onnx.checker.check_model(model)
    scaled = [node.output[0] for node in model.graph.node if node.op_type == "BatchNormalization"]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(value, 1, None) for value in scaled)
    x = np.random.default_rng(5).standard_normal((1, 3, 320, 320), dtype=np.float32)
    output, *activations = session(model).run(None, {"input": x})
    assert list(output.shape) == OUTPUTS[name]
    assert output.reshape(-1, output.shape[-1]).std(axis=1).min() > 1e-4 * np.abs(output).max()
    for value, activation in zip(scaled, activations, strict=True):
        assert 0.1 < activation.std() < 30, value  # deep planes are larger than those of the builder's images


@pytest.mark.parametrize("name", zoo.CLASSIFIERS)
def test_parameters_and_multiply_adds_are_torchvisions(name: str) -> None:
    model = zoo.build(name, batch=1)
    onnx.checker.check_model(model)
    parameters, billions = TORCHVISION[name]
    assert learned(model) == parameters
    assert multiply_adds(model) / 1e9 == pytest.approx(billions, abs=0.0051)


@pytest.mark.parametrize("name", zoo.CLASSIFIERS)
@pytest.mark.parametrize("sparsity", [0.0, 0.75])
def test_activations_keep_their_scale(name: str, sparsity: float) -> None:
    size = 64 if name in ("resnet101", "resnet152") else 96
    model = zoo.build(name, input_size=size)
    if sparsity:
        model, _ = prune_model(model, sparsity=sparsity)
    normalized = [node.output[0] for node in model.graph.node if node.op_type in ("BatchNormalization", "Add")]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(value, 1, None) for value in normalized)
    x = np.random.default_rng(5).standard_normal((2, 3, size, size), dtype=np.float32)
    logits, *activations = session(model).run(None, {"input": x})
    for value, activation in zip(normalized, activations, strict=True):
        assert 0.2 < activation.std() < 5, value
    assert logits.shape == (2, 1000)
    assert 1 < logits.std() < 10
    assert len(np.unique(logits[0])) > 990
    # Two images of noise differ only a little once averaged; but differ they must.
    assert np.abs(logits[0] - logits[1]).max() > 0.01 * np.abs(logits).max()


def test_rectifiers_cut_about_half() -> None:
    model = zoo.build("resnet18", input_size=64)
    rectified = {node.input[0] for node in model.graph.node if node.op_type == "Relu"}
    values = [n.output[0] for n in model.graph.node if n.op_type == "BatchNormalization" and n.output[0] in rectified]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(value, 1, None) for value in values)
    x = np.random.default_rng(6).standard_normal((1, 3, 64, 64), dtype=np.float32)
    for value, activation in zip(values, session(model).run(values, {"input": x}), strict=True):
        assert 0.3 < (activation > 0).mean() < 0.7, value


def test_same_arguments_same_bytes() -> None:
    def bytes_of(**arguments: int) -> bytes:
        return zoo.build("mobilenet_v2", input_size=32, **arguments).SerializeToString(deterministic=True)

    assert bytes_of(seed=3) == bytes_of(seed=3)
    assert bytes_of(seed=3) != bytes_of(seed=4)


def test_arguments_reach_the_file() -> None:
    model = zoo.build("resnet18", input_size=40, classes=7, batch=3)
    graph = model.graph
    assert [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim] == [3, 3, 40, 40]
    assert [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim] == [3, 7]
    assert (graph.input[0].name, graph.output[0].name) == ("input", "logits")
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)
    assert {"conv1", "layer1.0.conv2", "layer4.1.bn1", "layer2.0.downsample.0", "fc"} <= {n.name for n in graph.node}
    assert session(model).run(None, {"input": np.zeros((3, 3, 40, 40), np.float32)})[0].shape == (3, 7)


def test_batch_is_symbolic_by_default() -> None:
    model = zoo.build("resnet18", input_size=32, classes=2)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    for batch in (1, 2):
        assert session(model).run(None, {"input": np.zeros((batch, 3, 32, 32), np.float32)})[0].shape == (batch, 2)


def test_batch_norm_differs_between_channels() -> None:
    model = zoo.build("densenet121", input_size=32)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for key in ("weight", "bias", "running_mean", "running_var"):
        values = tensors[f"features.denseblock2.denselayer3.norm2.{key}"]
        assert len(np.unique(values)) == 128
        assert key not in ("weight", "running_var") or values.min() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet19"}, "unknown network 'resnet19': choose one of resnet18, resnet34"),
        ({"name": "yolov8n", "input_size": 100}, "input size is 100: yolov8n needs a multiple of 32"),
        ({"name": "resnet18", "input_size": 31}, "input size is 31: it must be at least 32"),
        ({"name": "resnet18", "classes": 0}, "classes is 0: it must be from 1 to 100000"),
        ({"name": "resnet18", "batch": 0}, "batch is 0: it must be at least 1"),
        ({"name": "resnet18", "seed": -1}, "seed is -1: it must be at least 0"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ColonnadeError, match=message):
        zoo.build(**arguments)  # type: ignore[arg-type]
