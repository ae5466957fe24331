"""scikit-learn's handwritten digits, and small networks that read them, trained in closed form."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

TRAINED_ON = 1200  # of the 1797 digits; the others are the test images


@dataclass(frozen=True)
class Digits:
    """Test images f32 [n, 1, 8, 8] in 0..1 and labels [n], also in digits.npz; networks trained on the others."""

    x: np.ndarray
    y: np.ndarray
    data: Path
    good: Path
    weak: Path  # sees the upper half of the image only
    deep: Path  # of three convolutions, of which two can be pruned


def make_digits(folder: Path) -> Digits:
    """scikit-learn's handwritten digits in seeded order, and networks, in a folder."""
    loaded = load_digits()
    order = np.random.default_rng(1).permutation(len(loaded.target))
    x, y = (loaded.images[order, np.newaxis] / 16).astype(np.float32), loaded.target[order]
    train, test = slice(TRAINED_ON), slice(TRAINED_ON, None)
    np.savez(folder / "digits.npz", x=x[test], y=y[test])
    return Digits(
        x[test],
        y[test],
        folder / "digits.npz",
        digit_network(x[train], y[train], folder / "good.onnx"),
        digit_network(x[train], y[train], folder / "weak.onnx", rows=4),
        digit_network(x[train], y[train], folder / "deep.onnx", channels=(8, 16, 24)),
    )


def answers(model: Path, x: np.ndarray) -> np.ndarray:
    """ONNX Runtime's scores [n, classes]."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"image": x})
    return np.asarray(scores)


def digit_network(x: np.ndarray, y: np.ndarray, path: Path, *, rows: int = 8, channels: Sequence[int] = (12,)) -> Path:
    """Write a network of convolutions "conv0", ... with seeded random filters, and a classifier fitted to the images by
    ridge regression. The filters see `rows` of an image."""
    generator = np.random.default_rng(0)
    constants = {"mask": np.repeat(np.float32([1, 0]), [rows, 8 - rows]).reshape(1, 1, 8, 1)}
    nodes = [helper.make_node("Mul", ["image", "mask"], ["rectified"])]
    for index, (before, after) in enumerate(itertools.pairwise((1, *channels))):
        scale = np.float32(np.sqrt(2 / (9 * before)))
        constants[f"kernel{index}"] = scale * generator.standard_normal((after, before, 3, 3), dtype=np.float32)
        nodes += [
            helper.make_node(
                "Conv", [nodes[-1].output[0], f"kernel{index}"], [f"c{index}"], f"conv{index}", pads=[1] * 4
            ),
            helper.make_node("Relu", [f"c{index}"], [f"r{index}"]),
        ]
    nodes += [
        helper.make_node("MaxPool", [nodes[-1].output[0]], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    write_network(path, nodes, constants, "features", channels[-1] * 16)
    found = answers(path, x)
    targets = np.eye(10, dtype=np.float32)[y]
    weights = np.linalg.solve(found.T @ found + np.eye(found.shape[1]), found.T @ targets)
    constants["weights"] = weights.astype(np.float32)
    last = helper.make_node("MatMul", ["features", "weights"], ["scores"])
    write_network(path, [*nodes, last], constants, "scores", 10)
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
