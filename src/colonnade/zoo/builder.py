"""Writes a network as ONNX, node by node, with random weights and batch-norm statistics that fit them.

A file with random batch-norm statistics either blows up or dies within a few layers. So the builder follows the
mean and variance of every channel through the network (mean-field: weights are independent of what they multiply,
He et al. 2015, arXiv:1502.01852) and sets each running mean and variance near what the layer really produces on
inputs of mean 0 and variance 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # The IR of opset 17's time; newer ones are refused by runtimes of the same age.

_EPSILON = 1e-5
_LOGIT_STD = 3.0
# Mean and variance of the largest of 9 independent standard normal variables (3 x 3 max pooling).
_MAX9_MEAN, _MAX9_VAR = 1.485, 0.357
# Spread of what batch norm learns, about that of trained ImageNet networks.
_GAMMA_LOG_STD, _BETA_STD, _MEAN_JITTER, _VAR_LOG_JITTER = 0.25, 0.25, 0.1, 0.2


@dataclass(frozen=True)
class Value:
    """An activation: its name and the expected mean and variance of each channel, both float64 [C]."""

    name: str
    mean: np.ndarray
    var: np.ndarray

    @property
    def channels(self) -> int:
        return len(self.mean)


class NetBuilder:
    """Collects nodes and initializers. Each method adds one operator called `name` and returns what it makes."""

    def __init__(self, *, input_size: int, batch: int | None, seed: int) -> None:
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._batch: int | str = "N" if batch is None else batch
        self._input = helper.make_tensor_value_info(
            "input", TensorProto.FLOAT, [self._batch, 3, input_size, input_size]
        )

    def input(self) -> Value:
        return Value("input", np.zeros(3), np.ones(3))

    def conv(self, name: str, x: Value, channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> Value:
        """Without bias, padded by kernel // 2, He initialisation by fan-in."""
        shape = (channels, x.channels // groups, kernel, kernel)
        weights = self._normal(shape, std=math.sqrt(2.0 / math.prod(shape[1:])))
        output = self._node(
            "Conv",
            name,
            [x.name, self._constant(f"{name}.weight", weights)],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
            dilations=[1, 1],
            group=groups,
        )
        by_group = weights.astype(np.float64).reshape(groups, channels // groups, shape[1], kernel * kernel)
        mean = by_group.sum(axis=3) @ x.mean.reshape(groups, -1, 1)
        var = np.square(by_group).sum(axis=3) @ x.var.reshape(groups, -1, 1)
        return Value(output, mean.reshape(-1), var.reshape(-1))

    def batch_norm(self, name: str, x: Value, *, gain: float = 1.0) -> Value:
        """`gain` scales gamma and beta: below 1 it keeps a residual branch small beside the identity."""
        draw = self._rng.standard_normal((4, x.channels))
        gamma = gain * np.exp(_GAMMA_LOG_STD * draw[0])
        beta = gain * _BETA_STD * draw[1]
        running_mean = x.mean + _MEAN_JITTER * np.sqrt(x.var) * draw[2]
        running_var = x.var * np.exp(_VAR_LOG_JITTER * draw[3])
        parameters = {"weight": gamma, "bias": beta, "running_mean": running_mean, "running_var": running_var}
        names = [self._constant(f"{name}.{key}", value.astype(np.float32)) for key, value in parameters.items()]
        output = self._node("BatchNormalization", name, [x.name, *names], epsilon=_EPSILON)
        scale = gamma / np.sqrt(running_var + _EPSILON)
        return Value(output, beta + scale * (x.mean - running_mean), np.square(scale) * x.var)

    def relu(self, name: str, x: Value) -> Value:
        return Value(self._node("Relu", name, [x.name]), *_rectified(x))

    def relu6(self, name: str, x: Value) -> Value:
        """Clip to 0..6. Values of unit variance hardly reach 6, so the moments are Relu's."""
        bounds = [self._constant(f"relu6.{key}", np.float32(value)) for key, value in (("min", 0), ("max", 6))]
        return Value(self._node("Clip", name, [x.name, *bounds]), *_rectified(x))

    def add(self, name: str, a: Value, b: Value) -> Value:
        return Value(self._node("Add", name, [a.name, b.name]), a.mean + b.mean, a.var + b.var)

    def concat(self, name: str, values: Sequence[Value]) -> Value:
        output = self._node("Concat", name, [value.name for value in values], axis=1)
        return Value(output, np.concatenate([v.mean for v in values]), np.concatenate([v.var for v in values]))

    def max_pool(self, name: str, x: Value) -> Value:
        """3 x 3, stride 2, padding 1."""
        output = self._node("MaxPool", name, [x.name], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        return Value(output, x.mean + _MAX9_MEAN * np.sqrt(x.var), _MAX9_VAR * x.var)

    def average_pool(self, name: str, x: Value) -> Value:
        """2 x 2, stride 2, no padding."""
        output = self._node("AveragePool", name, [x.name], kernel_shape=[2, 2], strides=[2, 2])
        return Value(output, x.mean, x.var / 4)

    def classifier(self, name: str, x: Value, classes: int) -> None:
        """Global average pooling, Flatten and a fully connected layer, whose output is "logits"."""
        pooled = self._node("GlobalAveragePool", "avgpool", [x.name])
        flat = self._node("Flatten", "flatten", [pooled], axis=1)
        weights = self._normal((classes, x.channels), std=_LOGIT_STD / float(np.linalg.norm(x.mean)))
        bias = self._normal((classes,), std=0.1)
        names = [self._constant(f"{name}.weight", weights), self._constant(f"{name}.bias", bias)]
        self._node("Gemm", name, [flat, *names], output="logits", transB=1)

    def model(self, name: str, classes: int) -> onnx.ModelProto:
        """The finished file, from "input" [N, 3, H, W] to "logits" [N, classes]."""
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [self._batch, classes])
        graph = helper.make_graph(self._nodes, name, [self._input], [logits], list(self._constants.values()))
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="colonnade.zoo")

    def _node(self, op: str, name: str, inputs: Sequence[str], output: str = "", **attributes: object) -> str:
        output = output or f"{name}.out"
        self._nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def _constant(self, name: str, value: np.ndarray | np.float32) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _normal(self, shape: tuple[int, ...], std: float) -> np.ndarray:
        return self._rng.standard_normal(shape, dtype=np.float32) * np.float32(std)


def _rectified(x: Value) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of max(z, 0) for normal z of the moments of `x`."""
    std = np.sqrt(x.var) + 1e-12
    ratio = x.mean / std
    below = np.array([0.5 * math.erfc(-r / math.sqrt(2.0)) for r in ratio])
    density = np.exp(-0.5 * np.square(ratio)) / math.sqrt(2.0 * math.pi)
    mean = x.mean * below + std * density
    second = (np.square(x.mean) + x.var) * below + x.mean * std * density
    return mean, np.maximum(second - np.square(mean), 0.0)
