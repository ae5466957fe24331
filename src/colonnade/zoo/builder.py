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
        self.input_size = input_size
        self._batch: int | str = "N" if batch is None else batch
        self._outputs: list[onnx.ValueInfoProto] = []
        self._input = helper.make_tensor_value_info(
            "input", TensorProto.FLOAT, [self._batch, 3, input_size, input_size]
        )

    def input(self) -> Value:
        return Value("input", self._normal_sample(np.zeros(3), np.ones(3)))

    def conv(
        self,
        name: str,
        x: Value,
        channels: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
        gain: float = 1.0,
    ) -> Value:
        """Padded by kernel // 2, variance by fan-in (He et al. 2015, arXiv:1502.01852). gain: of the weights, for
        convolutions without batch norm."""
        shape = (channels, x.channels // groups, kernel, kernel)
        weights = self._heavy_tailed(shape, std=gain * math.sqrt(2.0 / math.prod(shape[1:])))
        names = [x.name, self.constant(f"{name}.weight", weights)]
        output = self.node(
            "Conv",
            name,
            [*names, self._bias(name, channels)] if bias else names,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
            dilations=[1, 1],
            group=groups,
        )
        return Value(output, self._convolved(x.sample, weights.astype(np.float64), stride, groups))

    def conv_transpose(self, name: str, x: Value, channels: int) -> Value:
        """2 x 2, stride 2, with a bias: every output has one tap."""
        weights = self._heavy_tailed((x.channels, channels, 2, 2), std=math.sqrt(2.0 / x.channels))
        names = [x.name, self.constant(f"{name}.weight", weights), self._bias(name, channels)]
        output = self.node("ConvTranspose", name, names, kernel_shape=[2, 2], strides=[2, 2])
        return Value(output, self._spread(x.sample, weights.astype(np.float64)))

    def _bias(self, name: str, channels: int) -> str:
        return self.constant(f"{name}.bias", self._heavy_tailed((channels,), std=0.1))

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
        names = [self.constant(f"{name}.{key}", value.astype(np.float32)) for key, value in parameters.items()]
        output = self.node("BatchNormalization", name, [x.name, *names], epsilon=_EPSILON)
        gamma, beta, mean, var = (value[:, None] for value in parameters.values())
        return Value(output, beta + gamma * (x.sample - mean) / np.sqrt(var + _EPSILON))

    def relu(self, name: str, x: Value) -> Value:
        return Value(self.node("Relu", name, [x.name]), np.maximum(x.sample, 0))

    def relu6(self, name: str, x: Value) -> Value:
        bounds = [self.constant(f"relu6.{key}", np.float32(value)) for key, value in (("min", 0), ("max", 6))]
        return Value(self.node("Clip", name, [x.name, *bounds]), np.clip(x.sample, 0, 6))

    def add(self, name: str, a: Value, b: Value) -> Value:
        return Value(self.node("Add", name, [a.name, b.name]), a.sample + b.sample)

    def concat(self, name: str, values: Sequence[Value]) -> Value:
        output = self.node("Concat", name, [value.name for value in values], axis=1)
        return Value(output, np.concatenate([value.sample for value in values]))

    def silu(self, name: str, x: Value) -> Value:
        """As PyTorch's exporter writes it: two nodes."""
        gate = self.node("Sigmoid", f"{name}.sigmoid", [x.name])
        return Value(self.node("Mul", name, [x.name, gate]), x.sample / (1 + np.exp(-x.sample)))

    def sigmoid(self, name: str, x: Value) -> Value:
        return Value(self.node("Sigmoid", name, [x.name]), 1 / (1 + np.exp(-x.sample)))

    def hard_swish(self, name: str, x: Value) -> Value:
        return Value(self.node("HardSwish", name, [x.name]), x.sample * np.clip(x.sample / 6 + 0.5, 0, 1))

    def hard_sigmoid(self, name: str, x: Value) -> Value:
        output = self.node("HardSigmoid", name, [x.name], alpha=0.2, beta=0.5)
        return Value(output, np.clip(0.2 * x.sample + 0.5, 0, 1))

    def scale(self, name: str, x: Value, factor: float, summand: float) -> Value:
        """One factor and one summand for all of x: two nodes."""
        names = [
            self.constant(f"{name}.{key}", np.array([v], np.float32)) for key, v in (("a", factor), ("b", summand))
        ]
        product = self.node("Mul", f"{name}.mul", [x.name, names[0]])
        return Value(self.node("Add", name, [product, names[1]]), x.sample * factor + summand)

    def mul(self, name: str, a: Value, b: Value) -> Value:
        """b may be one number for each channel, of `mean`."""
        return Value(self.node("Mul", name, [a.name, b.name]), a.sample * b.sample)

    def mean(self, name: str, x: Value) -> Value:
        """Over each plane."""
        output = self.node("GlobalAveragePool", name, [x.name])
        return Value(output, np.broadcast_to(x.sample.mean(axis=1, keepdims=True), x.sample.shape))

    def split(self, name: str, x: Value, parts: Sequence[int]) -> list[Value]:
        """Parts of so many channels each."""
        sizes = self.constant(f"{name}.parts", np.array(parts, np.int64))
        outputs = self.nodes("Split", name, [x.name, sizes], len(parts), axis=1)
        ends = np.cumsum(parts)[:-1]
        return [Value(output, part) for output, part in zip(outputs, np.split(x.sample, ends), strict=True)]

    def upsample(self, name: str, x: Value, factor: int = 2) -> Value:
        """Every element `factor` times down and across."""
        scales = self.constant(f"scales{factor}", np.array([1, 1, factor, factor], np.float32))
        output = self.node(
            "Resize",
            name,
            [x.name, "", scales],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        return Value(output, self._enlarged(x.sample, factor))

    def max_pool(self, name: str, x: Value, kernel: int = 3, stride: int = 2) -> Value:
        """Padded by kernel // 2, or not at all if the kernel is even."""
        pad = kernel // 2 if kernel % 2 else 0
        sizes = [[kernel, kernel], [stride, stride], [pad] * 4]
        output = self.node("MaxPool", name, [x.name], kernel_shape=sizes[0], strides=sizes[1], pads=sizes[2])
        return Value(output, self._pooled(x.sample, kernel, stride, pad))

    def average_pool(self, name: str, x: Value) -> Value:
        """2 x 2, stride 2, no padding."""
        output = self.node("AveragePool", name, [x.name], kernel_shape=[2, 2], strides=[2, 2])
        mean = x.sample.mean(axis=1, keepdims=True)
        return Value(output, mean + math.sqrt(_AVERAGE4_VAR) * (x.sample - mean))

    def classifier(self, name: str, x: Value, classes: int) -> None:
        """Global average pooling, Flatten and a fully connected layer, whose output is "logits"."""
        pooled = self.node("GlobalAveragePool", "avgpool", [x.name])
        flat = self.node("Flatten", "flatten", [pooled], axis=1)
        norm = float(np.linalg.norm(x.sample.mean(axis=1)))
        weights = self._heavy_tailed((classes, x.channels), std=_LOGIT_STD / norm)
        bias = self._heavy_tailed((classes,), std=0.1)
        names = [self.constant(f"{name}.weight", weights), self.constant(f"{name}.bias", bias)]
        self.node("Gemm", name, [flat, *names], output="logits", transB=1)
        self.output("logits", [classes])

    def output(self, value: str, shape: Sequence[int]) -> None:
        """`value` is an output of the network; of shape [N, *shape]."""
        self._outputs.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, [self._batch, *shape]))

    def model(self, name: str) -> onnx.ModelProto:
        """The finished file, from "input" [N, 3, H, W] to the outputs."""
        graph = helper.make_graph(self._nodes, name, [self._input], self._outputs, list(self._constants.values()))
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="colonnade.zoo")

    def node(self, op: str, name: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """An operator, for those that need no sample of what they make: the name of its output."""
        output = output or f"{name}.out"
        self._nodes.append(helper.make_node(op, inputs, [output], name=name, **attributes))
        return output

    def nodes(self, op: str, name: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """The same for an operator of several outputs."""
        outputs = [f"{name}.out{i}" for i in range(count)]
        self._nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        return outputs

    def constant(self, name: str, value: np.ndarray | np.float32) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    # What operators make of samples; `measured.py` has them for samples that are images.

    def _convolved(self, sample: np.ndarray, weights: np.ndarray, stride: int, groups: int) -> np.ndarray:
        """Sums by weights [rows, channels/groups, k, k]."""
        taps = weights.reshape(groups, len(weights) // groups, weights.shape[1], -1)
        mean = taps.sum(axis=3) @ sample.mean(axis=1).reshape(groups, -1, 1)
        var = np.square(taps).sum(axis=3) @ sample.var(axis=1).reshape(groups, -1, 1)
        return self._normal_sample(mean.reshape(-1), var.reshape(-1))

    def _spread(self, sample: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """A transposed convolution by weights [channels, rows, 2, 2], of which each output has one tap."""
        return self._convolved(sample, weights[:, :, :1, :1].transpose(1, 0, 2, 3), 1, 1)

    def _pooled(self, sample: np.ndarray, kernel: int, stride: int, pad: int) -> np.ndarray:
        window = self._rng.permuted(np.tile(np.arange(_SAMPLE), (kernel * kernel, 1)), axis=1)
        return np.asarray(sample[:, window].max(axis=1))

    def _enlarged(self, sample: np.ndarray, factor: int) -> np.ndarray:
        return sample

    def _heavy_tailed(self, shape: tuple[int, ...], std: float) -> np.ndarray:
        """z * abs(z) for normal z: like trained weights, many small and a few large ones (kurtosis 35 / 3)."""
        z = self._rng.standard_normal(shape, dtype=np.float32)
        return z * np.abs(z) * np.float32(std / math.sqrt(3.0))

    def _normal_sample(self, mean: np.ndarray, var: np.ndarray) -> np.ndarray:
        """In an order of its own, so that it is independent of every other sample."""
        sample: np.ndarray = mean[:, None] + np.sqrt(var)[:, None] * self._rng.permutation(self._quantiles)
        return sample
