"""The convolutions of an ONNX model and the tensors that hold their weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from colonnade.errors import ColonnadeError
from colonnade.graph.tensors import read_tensor

# From this IR version on an initializer need not be listed among the graph's inputs.
_CONSTANTS_NEED_NO_INPUT = 4
# With fewer channels per group a convolution has too few columns to choose from.
_MIN_CHANNELS = 5


@dataclass(frozen=True)
class Convolution:
    """A Conv node of the main graph, by its name or, lacking one, its output's.

    node: the message inside the model. source: the value that its weights come from, behind Identity nodes: two
    convolutions may share one. tensor: the message inside the model that holds that value, an initializer or a
    Constant node's; None when it is computed. shared: operators other than convolutions read it too.
    """

    name: str
    node: onnx.NodeProto
    groups: int
    reads_input: bool
    source: str
    tensor: onnx.TensorProto | None
    shared: bool

    def weights(self) -> np.ndarray | None:
        """[Cout, Cin/groups, kh, kw], None when they are not constant. ColonnadeError for damaged weights."""
        if self.tensor is None:
            return None
        if self.tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ColonnadeError(
                f"convolution {self.name!r}: weights {self.tensor.name!r} are in a file that was not loaded; "
                "read the model with colonnade.load"
            )
        try:
            weights = read_tensor(self.tensor)
        except ColonnadeError as error:
            raise ColonnadeError(f"convolution {self.name!r}: weights cannot be read: {error}") from error
        if weights.ndim < 3 or weights.size == 0 or self.groups < 1 or len(weights) % self.groups:
            raise ColonnadeError(
                f"convolution {self.name!r}: weights of shape {list(weights.shape)} do not fit {self.groups} groups"
            )
        return weights

    def store(self, weights: np.ndarray) -> None:
        """Put weights of the same shape and type into the model; nothing else about the tensor changes."""
        assert self.tensor is not None
        for field in ("float_data", "double_data", "int32_data"):
            self.tensor.ClearField(field)
        self.tensor.raw_data = numpy_helper.from_array(weights).raw_data

    def why_dense(self) -> str | None:
        """Why this convolution is not pruned by default, or None."""
        weights = self.weights()
        if weights is None:
            return "weights are not constant"
        if self.shared:
            return "weights are also read by other operators"
        channels = weights.shape[1]
        if self.reads_input:
            return "stem: reads the model's input"
        if self.groups > 1 and channels == 1:
            return "depthwise"
        if channels < _MIN_CHANNELS:
            return f"{channels} input channels" + (" per group" if self.groups > 1 else "")
        if weights.dtype.kind != "f":
            return f"weights are {weights.dtype}"
        return None


def find_convolutions(model: onnx.ModelProto) -> tuple[Convolution, ...]:
    """In the order of the file; those inside the bodies of If, Loop and Scan are not counted."""
    graph = model.graph
    identities = [node for node in graph.node if node.op_type == "Identity"]
    aliases = {node.output[0]: node.input[0] for node in identities if node.output and node.input}

    def source(name: str) -> str:
        for _ in range(len(aliases)):  # in a damaged file they go round in circles
            if name not in aliases:
                break
            name = aliases[name]
        return name

    tensors = _constant_tensors(graph)
    inputs = {entry.name for entry in graph.input}
    nodes = [node for node in graph.node if node.op_type == "Conv" and node.domain in ("", "ai.onnx")]
    if any(len(node.input) < 2 or not node.output for node in nodes):
        raise ColonnadeError("a convolution has no weights or no output: the model is damaged")
    readings = Counter(source(name) for name in _values_read(graph))
    readings.subtract(source(node.input[1]) for node in nodes)
    found = []
    for node in nodes:
        origin = source(node.input[1])
        found.append(
            Convolution(
                name=node.name or node.output[0],
                node=node,
                groups=next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1),
                reads_input=source(node.input[0]) in inputs,
                source=origin,
                tensor=tensors.get(origin),
                shared=readings[origin] > 0,
            )
        )
    return tuple(found)


def set_bias(model: onnx.ModelProto, convolution: Convolution, bias: np.ndarray) -> None:
    """Give a convolution of `model` the bias [Cout] in place of what it had, as an initializer of its own: files may
    share equal ones. What it had is left out if nothing else reads it."""
    graph, node = model.graph, convolution.node
    listed = [entry.name for entry in graph.input]
    taken = {name for other in graph.node for name in (*other.input, *other.output)}
    taken.update(listed, (tensor.name for tensor in graph.initializer))
    stem = f"{node.output[0]}/bias"
    name = next(name for name in (stem, *(f"{stem}.{i}" for i in range(len(taken)))) if name not in taken)
    old = node.input[2] if len(node.input) > 2 else ""
    del node.input[2:]
    node.input.append(name)
    graph.initializer.append(numpy_helper.from_array(bias, name))
    if model.ir_version < _CONSTANTS_NEED_NO_INPUT:
        kind = helper.np_dtype_to_tensor_dtype(bias.dtype)
        graph.input.append(helper.make_tensor_value_info(name, kind, bias.shape))
    stored = [tensor.name for tensor in graph.initializer]
    if old in stored and old not in set(_values_read(graph)):
        del graph.initializer[stored.index(old)]
        if old in listed:
            del graph.input[listed.index(old)]


def _constant_tensors(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Initializers and the values of Constant nodes, by the name under which nodes read them."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value" and node.output:
                tensors[node.output[0]] = attribute.t
    return tensors


def _values_read(graph: onnx.GraphProto) -> Iterator[str]:
    """Every reading of a value by a node, also inside the bodies of control flow, or by the graph's outputs. An
    Identity is no reading of its own: its readers count."""
    for node in graph.node:
        if node.op_type != "Identity":
            yield from node.input
        for attribute in node.attribute:
            for body in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _values_read(body)
    yield from (output.name for output in graph.output)
