"""A small residual network as ONNX, and images for it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5
PRUNED = ("first", "second", "down", "grouped")


class Builder:
    """Nodes and constants of a model from "x"."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value.astype(np.float32)
        return name

    def op(self, kind: str, name: str, *inputs: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [f"{name}.out"], name=name, **attributes))
        return f"{name}.out"

    def conv(self, name: str, x: str, shape: tuple[int, ...], *, bias: str | None = None, **attributes: object) -> str:
        weights = self.rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        inputs = [x, self.constant(f"{name}.w", weights), *([bias] if bias else [])]
        return self.op("Conv", name, *inputs, pads=[shape[2] // 2] * 4, **attributes)

    def batch_norm(self, name: str, x: str, channels: int) -> str:
        values = {
            "scale": self.rng.uniform(0.5, 1.5, channels),
            "shift": 0.3 * self.rng.standard_normal(channels),
            "mean": 0.1 * self.rng.standard_normal(channels),
            "var": self.rng.uniform(0.5, 2, channels),
        }
        return self.op("BatchNormalization", name, x, *(self.constant(f"{name}.{k}", v) for k, v in values.items()))

    def model(
        self, *, plane: tuple[int, int] | tuple[str, str] = (12, 12), ir_version: int = 8, rank: int = 2
    ) -> onnx.ModelProto:
        """rank: of the output, which is what the last node makes."""
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *plane])
        inputs = [x]
        if ir_version < 4:
            inputs += [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
                for name, value in self.constants.items()
            ]
        output = helper.make_tensor_value_info(self.nodes[-1].output[0], TensorProto.FLOAT, None)
        output.type.tensor_type.shape.dim.extend([onnx.TensorShapeProto.Dimension()] * rank)
        initializers = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "small", inputs, [output], initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=ir_version)


def residual_network(**options: object) -> onnx.ModelProto:
    """Stem, a residual block with a projection made last, a grouped convolution whose bias two share, a classifier."""
    net = Builder()
    x = net.op("Relu", "relu0", net.conv("stem", "x", (16, 3, 3, 3)))
    shared = net.constant("shared.bias", 0.2 * net.rng.standard_normal(24))
    y = net.op("Relu", "relu1", net.batch_norm("bn1", net.conv("first", x, (24, 16, 3, 3), strides=[2, 2]), 24))
    y = net.batch_norm("bn2", net.conv("second", y, (24, 24, 3, 3), bias=shared), 24)
    skip = net.batch_norm("bn3", net.conv("down", x, (24, 16, 1, 1), strides=[2, 2]), 24)
    x = net.op("Relu", "relu2", net.op("Add", "add", y, skip))
    x = net.op("Relu", "relu3", net.conv("grouped", x, (24, 12, 3, 3), bias=shared, group=2))
    x = net.op("Flatten", "flatten", net.op("GlobalAveragePool", "pool", x))
    net.op("Gemm", "classifier", x, net.constant("fc", net.rng.standard_normal((CLASSES, 24))), transB=1)
    return net.model(**options)  # type: ignore[arg-type]


def images(count: int = 24, size: int = 12, seed: int = 1) -> np.ndarray:
    """Smooth, as images are: neighbouring pixels depend on each other."""
    noise = np.random.default_rng(seed).standard_normal((count, 3, size + 2, size + 2), dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(noise, (3, 3), axis=(2, 3))
    return np.ascontiguousarray(windows.mean(axis=(4, 5)) * 3)


def run_onnx(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
