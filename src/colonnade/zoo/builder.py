"""Writes a network as ONNX, node by node, with random weights and batch-norm statistics that fit them.

A file with random batch-norm statistics either blows up or dies within a few layers. So every activation carries a
small sample of each channel's values, for inputs of mean 0 and variance 1. Element-wise operators apply to the sample
as they are; a convolution draws a fresh normal one of the mean and variance that its weights give (mean-field theory:
sums of many terms, independent of each other). Batch norm takes its running mean and variance from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # The IR of opset 17's time; newer ones are refused by runtimes of the same age.

_EPSILON = 1e-5
_LOGIT_STD = 3.0
_SAMPLE = 128
# Variance of the mean of 2 x 2 neighbours, which share most of what they see, relative to one of them: as measured
# in DenseNet-121's transitions.
_AVERAGE4_VAR = 0.37
# Spread of what batch norm learns, about that of trained ImageNet networks.
_GAMMA_LOG_STD, _BETA_STD, _MEAN_JITTER, _VAR_LOG_JITTER = 0.25, 0.25, 0.1, 0.2


@dataclass(frozen=True)
class Value:
    """An activation: its name and a sample of every channel's values, float64 [C, _SAMPLE]."""

    name: str
    sample: np.ndarray

    @property
    def channels(self) -> int:
        return len(self.sample)


class NetBuilder:
    """Collects nodes and initializers. Each method adds one operator called `name` and returns what it makes."""

    def __init__(self, *, input_size: int, batch: int | None, seed: int) -> None:
        self._rng = np.random.Generator(np.random.PCG64(seed))
        quantiles = [NormalDist().inv_cdf((i + 0.5) / _SAMPLE) for i in range(_SAMPLE)]
        self._quantiles = np.array(quantiles) / np.std(quantiles)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._batch: int | str = "N" if batch is None else batch
        self._input = helper.make_tensor_value_info(
            "input", TensorProto.FLOAT, [self._batch, 3, input_size, input_size]
        )

    def input(self) -> Value:
        return Value("input", self._normal_sample(np.zeros(3), np.ones(3)))

    def conv(self, name: str, x: Value, channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> Value:
        """Without bias, padded by kernel // 2, variance by fan-in (He et al. 2015, arXiv:1502.01852)."""
        shape = (channels, x.channels // groups, kernel, kernel)
        weights = self._heavy_tailed(shape, std=math.sqrt(2.0 / math.prod(shape[1:])))
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
        taps = weights.astype(np.float64).reshape(groups, channels // groups, shape[1], kernel * kernel)
        mean = taps.sum(axis=3) @ x.sample.mean(axis=1).reshape(groups, -1, 1)
        var = np.square(taps).sum(axis=3) @ x.sample.var(axis=1).reshape(groups, -1, 1)
        return Value(output, self._normal_sample(mean.reshape(-1), var.reshape(-1)))

    def batch_norm(self, name: str, x: Value, *, gain: float = 1.0) -> Value:
        """`gain` scales gamma and beta: below 1 it keeps a residual branch small beside the identity."""
        mean, var = x.sample.mean(axis=1), x.sample.var(axis=1)
        draw = self._rng.standard_normal((4, x.channels))
        parameters = {
            "weight": gain * np.exp(_GAMMA_LOG_STD * draw[0]),
            "bias": gain * _BETA_STD * draw[1],
            "running_mean": mean + _MEAN_JITTER * np.sqrt(var) * draw[2],
            "running_var": var * np.exp(_VAR_LOG_JITTER * draw[3]),
        }
        names = [self._constant(f"{name}.{key}", value.astype(np.float32)) for key, value in parameters.items()]
        output = self._node("BatchNormalization", name, [x.name, *names], epsilon=_EPSILON)
        gamma, beta, mean, var = (value[:, None] for value in parameters.values())
        return Value(output, beta + gamma * (x.sample - mean) / np.sqrt(var + _EPSILON))

    def relu(self, name: str, x: Value) -> Value:
        return Value(self._node("Relu", name, [x.name]), np.maximum(x.sample, 0))

    def relu6(self, name: str, x: Value) -> Value:
        bounds = [self._constant(f"relu6.{key}", np.float32(value)) for key, value in (("min", 0), ("max", 6))]
        return Value(self._node("Clip", name, [x.name, *bounds]), np.clip(x.sample, 0, 6))

    def add(self, name: str, a: Value, b: Value) -> Value:
        return Value(self._node("Add", name, [a.name, b.name]), a.sample + b.sample)

    def concat(self, name: str, values: Sequence[Value]) -> Value:
        output = self._node("Concat", name, [value.name for value in values], axis=1)
        return Value(output, np.concatenate([value.sample for value in values]))

    def max_pool(self, name: str, x: Value) -> Value:
        """3 x 3, stride 2, padding 1."""
        output = self._node("MaxPool", name, [x.name], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        window = self._rng.permuted(np.tile(np.arange(_SAMPLE), (9, 1)), axis=1)
        return Value(output, x.sample[:, window].max(axis=1))

    def average_pool(self, name: str, x: Value) -> Value:
        """2 x 2, stride 2, no padding."""
        output = self._node("AveragePool", name, [x.name], kernel_shape=[2, 2], strides=[2, 2])
        mean = x.sample.mean(axis=1, keepdims=True)
        return Value(output, mean + math.sqrt(_AVERAGE4_VAR) * (x.sample - mean))

    def classifier(self, name: str, x: Value, classes: int) -> None:
        """Global average pooling, Flatten and a fully connected layer, whose output is "logits"."""
        pooled = self._node("GlobalAveragePool", "avgpool", [x.name])
        flat = self._node("Flatten", "flatten", [pooled], axis=1)
        norm = float(np.linalg.norm(x.sample.mean(axis=1)))
        weights = self._heavy_tailed((classes, x.channels), std=_LOGIT_STD / norm)
        bias = self._heavy_tailed((classes,), std=0.1)
        names = [self._constant(f"{name}.weight", weights), self._constant(f"{name}.bias", bias)]
        self._node("Gemm", name, [flat, *names], output="logits", transB=1)

    def model(self, name: str, classes: int) -> onnx.ModelProto:
        """The finished file, from "input" [N, 3, H, W] to "logits" [N, classes]."""
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [self._batch, classes])
        graph = helper.make_graph(self._nodes, name, [self._input], [logits], list(self._constants.values()))
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="colonnade.zoo")

    def _node(self, op: str, name: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{name}.out"
        self._nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def _constant(self, name: str, value: np.ndarray | np.float32) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _heavy_tailed(self, shape: tuple[int, ...], std: float) -> np.ndarray:
        """z * abs(z) for normal z: like trained weights, many small and a few large ones (kurtosis 35 / 3)."""
        z = self._rng.standard_normal(shape, dtype=np.float32)
        return z * np.abs(z) * np.float32(std / math.sqrt(3.0))

    def _normal_sample(self, mean: np.ndarray, var: np.ndarray) -> np.ndarray:
        """In an order of its own, so that it is independent of every other sample."""
        sample: np.ndarray = mean[:, None] + np.sqrt(var)[:, None] * self._rng.permutation(self._quantiles)
        return sample
