"""The networks of the onnx wheel, with random weights in place of its constant ones, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_checks import check_against_onnxruntime

from colonnade.graph.ir import Act, Affine, Binary, Conv
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def _with_random_weights(name: str) -> onnx.ModelProto:
    """The wheel makes each weight by a ConstantOfShape, which hides most errors: a seeded random array replaces it.

    Scales of batch normalisation keep close to 1 and variances positive, so that values neither vanish nor explode.
    """
    model = onnx.load(LIGHT / f"light_{name}.onnx")
    stored = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    rng = np.random.default_rng(7)
    for node in [node for node in model.graph.node if node.op_type == "ConstantOfShape"]:
        shape = tuple(stored[node.input[0]])
        array = rng.uniform(0.5, 1.5, shape)
        if len(shape) >= 2:
            array = (array - 1) * (12 / np.prod(shape[1:])) ** 0.5 * 1.4
        model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), node.output[0]))
        model.graph.node.remove(node)
    return model


@pytest.mark.parametrize(
    "name", ["resnet50", "densenet121", "squeezenet", "inception_v1", "inception_v2", "shufflenet"]
)
def test_network(name: str) -> None:
    check_against_onnxruntime(_with_random_weights(name), tolerance=1e-4)


@pytest.mark.parametrize("name", ["vgg19", "bvlc_alexnet", "zfnet512"])
def test_large_network_imports(name: str) -> None:
    """Too heavy to run in each session; the operators are those of the networks above."""
    graph = optimize(import_model(LIGHT / f"light_{name}.onnx"))
    assert graph.shapes[graph.outputs[0]] == (1, 1000)
    assert not any(isinstance(node.op, Act) for node in graph.nodes)


def test_resnet50_is_convolutions_only() -> None:
    graph = optimize(import_model(LIGHT / "light_resnet50.onnx"))
    convolutions = [node.op for node in graph.nodes if isinstance(node.op, Conv)]
    assert len(convolutions) == 53
    assert sum(op.residual for op in convolutions) == 16
    assert not any(isinstance(node.op, Affine | Act | Binary) for node in graph.nodes)


@pytest.mark.parametrize("batch", [2, 3])
def test_resnet50_in_another_batch(batch: int) -> None:
    """The file fixes a batch of 1, in its input and in its Reshape."""
    graph = optimize(import_model(LIGHT / "light_resnet50.onnx", batch=batch))
    assert graph.shapes[graph.outputs[0]] == (batch, 1000)
