"""Small networks for 8 x 8 images of digits, and ONNX Runtime's answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FILTERS = 12


def answers(model: Path, x: np.ndarray) -> np.ndarray:
    """ONNX Runtime's scores [n, classes]."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"image": x})
    return np.asarray(scores)


def digit_network(x: np.ndarray, y: np.ndarray, rows: int, path: Path) -> Path:
    """Write a network of seeded random filters and a classifier fitted to the images by ridge regression; filters see
    `rows` of an image."""
    kernel = np.random.default_rng(0).standard_normal((FILTERS, 1, 3, 3), dtype=np.float32)
    mask = np.zeros((1, 1, 8, 8), np.float32)
    mask[:, :, :rows] = 1
    features = [
        helper.make_node("Mul", ["image", "mask"], ["seen"]),
        helper.make_node("Conv", ["seen", "kernel"], ["filtered"], pads=[1] * 4),
        helper.make_node("Relu", ["filtered"], ["rectified"]),
        helper.make_node("MaxPool", ["rectified"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    constants = {"mask": mask, "kernel": kernel}
    write_network(path, features, constants, "features", FILTERS * 16)
    found = answers(path, x)
    targets = np.eye(10, dtype=np.float32)[y]
    constants["weights"] = np.linalg.solve(found.T @ found + np.eye(found.shape[1]), found.T @ targets).astype(
        np.float32
    )
    last = helper.make_node("MatMul", ["features", "weights"], ["scores"])
    write_network(path, [*features, last], constants, "scores", 10)
    return path


def write_network(
    path: Path, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], output: str, width: int | None
) -> None:
    """An ONNX file from input "image" [n, 1, 8, 8] to `output`, [n, width] or (None) of undeclared shape."""
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None if width is None else ["n", width])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
