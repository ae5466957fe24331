"""Blocks of the network families as PyTorch exports them, against ONNX Runtime, and what the passes make of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx_checks import OPSETS, check_against_onnxruntime, make_model, random_array

from colonnade.graph.ir import Binary, Conv, Graph


@dataclass
class Exporter:
    """ONNX nodes one after the other; each call returns the name of its output."""

    opset: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def constant(self, array: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = array
        return name

    def node(self, op_type: str, *inputs: str | np.ndarray, **attributes: object) -> str:
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(op_type, names, [f"v{len(self.nodes)}"], **attributes))
        return f"v{len(self.nodes) - 1}"

    def conv(self, x: str, inputs: int, outputs: int, kernel: int = 1, group: int = 1) -> str:
        weights = random_array((outputs, inputs // group, kernel, kernel), len(self.constants)) / kernel
        bias = random_array((outputs,), len(self.constants))
        return self.node("Conv", x, weights, bias, pads=[kernel // 2] * 4, group=group)

    def batch_norm(self, x: str, channels: int) -> str:
        scale, bias, mean = (random_array((channels,), seed) for seed in (1, 2, 3))
        return self.node("BatchNormalization", x, scale, bias, mean, np.abs(random_array((channels,), 4)) + 0.5)

    def hard_sigmoid(self, x: str) -> str:
        if self.opset >= 14:
            return self.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)
        shifted = self.node("Add", x, np.float32(3))
        return self.node("Div", self.node("Clip", shifted, np.float32(0), np.float32(6)), np.float32(6))

    def hard_swish(self, x: str) -> str:
        return self.node("HardSwish", x) if self.opset >= 14 else self.node("Mul", x, self.hard_sigmoid(x))

    def silu(self, x: str) -> str:
        return self.node("Mul", x, self.node("Sigmoid", x))

    def plane_mean(self, x: str) -> str:
        if self.opset >= 18:
            return self.node("ReduceMean", x, np.array([2, 3]), keepdims=1)
        return self.node("ReduceMean", x, axes=[2, 3], keepdims=1)

    def check(self, output: str) -> Graph:
        self.nodes.append(helper.make_node("Identity", [output], ["y"]))
        model = make_model(self.nodes, {"x": ("N", 8, 9, 7)}, constants=self.constants, opset=self.opset)
        return check_against_onnxruntime(model, tolerance=1e-4, batch=2, input_size=(9, 7))


def operators(graph: Graph) -> list[str]:
    """Kinds of operators, those with an activation followed by its name."""
    described = []
    for node in graph.nodes:
        act = getattr(node.op, "act", None)
        suffix = f" {act.kind}" if act is not None and not act.is_identity else ""
        described.append(type(node.op).__name__ + suffix)
    return described


@pytest.mark.parametrize("opset", OPSETS)
def test_mobilenet_v3_block(opset: int) -> None:
    e = Exporter(opset)
    x = e.hard_swish(e.batch_norm(e.conv("x", 8, 16), 16))
    x = e.hard_swish(e.batch_norm(e.conv(x, 16, 16, 5, group=16), 16))
    squeezed = e.conv(e.node("Relu", e.conv(e.node("GlobalAveragePool", x), 16, 4)), 4, 16)
    x = e.node("Mul", e.hard_sigmoid(squeezed), x)
    graph = e.check(e.node("Add", "x", e.batch_norm(e.conv(x, 16, 8), 8)))
    assert operators(graph) == [
        *("Conv hard_swish", "Conv hard_swish"),
        *("GlobalPool", "Conv clamp", "Conv hard_sigmoid", "Binary", "Conv"),
    ]
    assert graph.nodes[-1].op == Conv(residual=True)


@pytest.mark.parametrize("opset", OPSETS)
def test_efficientnet_block(opset: int) -> None:
    e = Exporter(opset)
    x = e.silu(e.batch_norm(e.conv("x", 8, 16), 16))
    x = e.silu(e.batch_norm(e.conv(x, 16, 16, 3, group=16), 16))
    squeezed = e.conv(e.silu(e.conv(e.plane_mean(x), 16, 4)), 4, 16)
    x = e.node("Mul", x, e.node("Sigmoid", squeezed))
    graph = e.check(e.node("Add", e.node("Dropout", e.batch_norm(e.conv(x, 16, 8), 8)), "x"))
    assert operators(graph) == [
        *("Conv silu", "Conv silu"),
        *("GlobalPool", "Conv silu", "Conv sigmoid", "Binary", "Conv"),
    ]
    assert graph.nodes[-1].op == Conv(residual=True)


@pytest.mark.parametrize("opset", OPSETS)
def test_densenet_block(opset: int) -> None:
    """Normalisation before the convolution stays a node where its activation is in between."""
    e = Exporter(opset)
    x = e.conv(e.node("Relu", e.batch_norm("x", 8)), 8, 16)
    x = e.conv(e.node("Relu", e.batch_norm(x, 16)), 16, 4, 3)
    x = e.node("Concat", "x", x, axis=1)
    x = e.conv(e.node("Relu", e.batch_norm(x, 12)), 12, 6)
    graph = e.check(e.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]))
    assert operators(graph) == ["Affine clamp", "Conv clamp", "Conv", "Concat", "Affine clamp", "Conv", "Pool"]


@pytest.mark.parametrize("opset", OPSETS)
def test_squeezenet_block(opset: int) -> None:
    e = Exporter(opset)
    x = e.node("MaxPool", e.node("Relu", e.conv("x", 8, 4)), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = e.node("Concat", *(e.node("Relu", e.conv(x, 4, 6, kernel)) for kernel in (1, 3)), axis=1)
    graph = e.check(e.node("Flatten", e.node("GlobalAveragePool", x)))
    assert operators(graph) == ["Conv clamp", "Pool", "Conv clamp", "Conv clamp", "Concat", "GlobalPool", "Reshape"]


@pytest.mark.parametrize("opset", OPSETS)
def test_shortcut_with_a_convolution(opset: int) -> None:
    e = Exporter(opset)
    x = e.node("Relu", e.batch_norm(e.conv("x", 8, 12, 3), 12))
    x = e.batch_norm(e.conv(x, 12, 12, 3), 12)
    graph = e.check(e.node("Relu", e.node("Add", x, e.batch_norm(e.conv("x", 8, 12), 12))))
    assert operators(graph) == ["Conv clamp", "Conv", "Conv clamp"]
    assert not any(isinstance(node.op, Binary) for node in graph.nodes)
