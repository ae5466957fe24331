"""Random ONNX models, each from its number: `random_model(7)` is always the same.

A node is run by ONNX Runtime as soon as it is drawn, so shapes and values are known, and only nodes that keep values
tame are taken: two implementations that round differently must agree on what follows. For that every value is there
twice, as it is and with some noise, a *twin*. A node that would tell the two apart is not taken: it divides by nearly
zero, cancels, or decides between near ties. The nodes themselves are drawn by random_nodes.py.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

T = TypeVar("T")

OPSETS = (
    7,
    8,
    9,
    10,
    *[11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21] * 2,
    *range(22, onnx.defs.onnx_opset_version() + 1),
)
NOISE = 1e-5  # of the largest magnitude of an input or a sum: more than any rounding
APART = 3e-4  # of the largest magnitude: most that a value and its twin may differ
LARGEST = 1e3
MARGIN = 1e-4  # of the largest magnitude: what values have to be away from where a function jumps
# Operators whose values are sums: their results get new noise.
SUMS = {"Conv", "ConvTranspose", "Gemm", "MatMul", "AveragePool", "GlobalAveragePool", "BatchNormalization"}
# Those that jump, and what they decide.
JUMPS = {
    *("Floor", "Ceil", "Round", "Sign", "Mod", "ThresholdedRelu", "Shrink", "Cast", "CastLike", "ArgMax", "ArgMin"),
    *("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"),
}
ONNX_TYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "bool": TensorProto.BOOL,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
}

Operand = str | np.ndarray | np.generic | None  # a value's name, a new constant, or nothing


class UnfitError(Exception):
    """A node that is not taken: ONNX Runtime refuses it, or its values are not tame."""


@dataclass(frozen=True)
class RandomModel:
    """A model, what it is run on, and what ONNX Runtime says of each value."""

    seed: int
    proto: onnx.ModelProto
    feeds: Mapping[str, np.ndarray]
    expected: Mapping[str, np.ndarray]

    @property
    def operators(self) -> list[str]:
        return [node.op_type for node in self.proto.graph.node]


@dataclass
class Drawing:
    """A model under way. values: what ONNX Runtime says of each; twins: the same with noise; limit: most elements of a
    value; refused: how often a node of each operator was not taken, and one reason."""

    rng: random.Random
    opset: int
    limit: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    twins: dict[str, np.ndarray] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, options: Sequence[T]) -> T:
        return options[self.rng.randrange(len(options))]

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included. UnfitError where there is none."""
        if high < low:
            raise UnfitError("no number fits")
        return self.rng.randint(low, high)

    def array(self, *shape: int) -> np.ndarray:
        """Normal numbers."""
        return np.random.default_rng(self.rng.getrandbits(32)).standard_normal(shape).astype(np.float32)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.values[name].shape

    def reals(self) -> list[str]:
        return [name for name, array in self.values.items() if array.dtype == np.float32]

    def truths(self) -> list[str]:
        return [name for name, array in self.values.items() if array.dtype == np.bool_]

    def some_value(self) -> str:
        """Mostly one of the last, so that nodes follow one another; images oftener than others."""
        names = self.reals()
        if self.chance(0.5):
            names = [name for name in names if len(self.shape(name)) == 4 and max(self.shape(name)[2:]) > 1] or names
        return names[-1] if self.chance(0.5) else self.pick(names[-4:] if self.chance(0.6) else names)

    def input(self, shape: tuple[int, ...]) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs.append(name)
        self.values[name] = self.array(*shape)
        self.twins[name] = self._noisy(self.values[name], NOISE)
        return name

    def knows(self, op: str) -> bool:
        """Whether there is such an operator at this opset."""
        schema = schema_of(op, self.opset)
        return schema is not None and not schema.deprecated

    def takes(self, op: str, name: str) -> bool:
        """Whether the operator has an attribute or an input of this name at this opset."""
        schema = schema_of(op, self.opset)
        return schema is not None and (name in schema.attributes or any(i.name == name for i in schema.inputs))

    def add(self, op: str, *operands: Operand, outputs: int = 1, **settings: Any) -> str:
        """A node; the name of its first output. settings: attributes or operands, whichever they are at this opset, by
        ONNX's names; those that it does not have, and None, are left out."""
        return self.add_all(op, *operands, outputs=outputs, **settings)[0]

    def add_all(self, op: str, *operands: Operand, outputs: int = 1, **settings: Any) -> list[str]:
        schema = schema_of(op, self.opset)
        if schema is None or schema.deprecated:
            raise UnfitError("not of this opset")
        given = [np.asarray(value) if isinstance(value, np.generic) else value for value in operands]
        attributes = {}
        for name, value in settings.items():
            if value is None:
                continue
            if name in schema.attributes:
                attributes[name] = value
            else:
                _set_operand(given, schema, name, value)
        number = len(self.nodes)
        names = [f"v{number}" if outputs == 1 else f"v{number}.{i}" for i in range(outputs)]
        constants = {f"c{number}.{i}": value for i, value in enumerate(given) if isinstance(value, np.ndarray)}
        spelled = [f"c{number}.{i}" if isinstance(v, np.ndarray) else v or "" for i, v in enumerate(given)]
        label = self.pick((f"n{number}", f"n{number}", f"/layer.{number % 3}/{op}", ""))
        node = helper.make_node(op, spelled, names, name=label, **attributes)
        try:
            results, twins = self._run(node, constants)
        except UnfitError as error:
            self.refused[op] = str(error)
            raise
        self.nodes.append(node)
        self.constants |= constants
        for name, result, twin in zip(names, results, twins, strict=True):
            self.values[name], self.twins[name] = result, twin
        return names

    def _run(
        self, node: onnx.NodeProto, constants: Mapping[str, np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Its results and their twins. UnfitError if they are not tame."""
        feeds = {name: self.values[name] for name in node.input if name and name not in constants}
        outputs = dict.fromkeys(node.output, None)
        session = open_session(make_model([node], feeds, outputs, constants, self.opset))
        results = run_session(session, feeds)
        if any(array.size > self.limit or array.ndim > 6 or not array.size for array in results):
            raise UnfitError("too large")
        twin_feeds = {name: self.twins[name] for name in feeds}
        twins = run_session(session, twin_feeds)
        for i, array in enumerate(results):
            if array.dtype.kind == "f":
                largest = float(np.abs(array).max())
                if not largest <= LARGEST:
                    raise UnfitError("too large values")
                if node.op_type in SUMS or node.op_type.startswith("Reduce") or "Norm" in node.op_type:
                    twins[i] = self._noisy(twins[i], NOISE)
                if not float(np.abs(array - twins[i]).max()) <= APART * largest:
                    raise UnfitError("not tame")
            elif not np.array_equal(array, twins[i]):
                raise UnfitError("a near tie")
        if node.op_type in JUMPS:
            self._check_jumps(session, feeds, results)
        return results, twins

    def _check_jumps(
        self, session: onnxruntime.InferenceSession, feeds: Mapping[str, np.ndarray], results: list[np.ndarray]
    ) -> None:
        """UnfitError if other values near these give others. Those that noise does not change are exact."""
        for sign in (1.0, -1.0, None, None):
            moved = {}
            for name, array in feeds.items():
                moved[name] = array
                if array.dtype.kind == "f":
                    step = MARGIN * np.abs(array).max() * (array != self.twins[name])
                    signs = np.sign(self.array(*array.shape)) if sign is None else sign
                    moved[name] = (array + step * signs).astype(array.dtype)
                    sign = 0.0 if sign is not None else None  # the other operand stays
            for array, other in zip(results, run_session(session, moved), strict=True):
                scale = max((float(np.abs(value).max()) for value in feeds.values()), default=0.0)
                near = np.abs(array.astype(np.float64) - other).max() <= 4 * MARGIN * scale
                if not (near if array.dtype.kind == "f" else np.array_equal(array, other)):
                    raise UnfitError("a near tie")

    def _noisy(self, array: np.ndarray, noise: float) -> np.ndarray:
        if not array.size or array.dtype.kind != "f":
            return array
        rng = np.random.default_rng(len(self.nodes))
        scale = np.float32(noise * float(np.abs(array).max()))
        return (array + scale * rng.uniform(-1, 1, array.shape)).astype(array.dtype)

    def finish(self, seed: int) -> RandomModel:
        """The last value is an output, and others are. Some nodes may be read by none. UnfitError if ONNX Runtime
        refuses the whole."""
        reals = [name for name in self.reals() if name not in self.inputs]
        read = {name for node in self.nodes for name in node.input}
        ends = [name for name in reals if name not in read]
        others = [name for name in ends[:-1] if self.chance(0.8)] + [name for name in reals if self.chance(0.08)]
        outputs = dict.fromkeys([*ends[-1:], *others])
        stored, nodes = {}, []
        for name, array in self.constants.items():
            if self.chance(0.2) and array.size:
                nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
            else:
                stored[name] = array
        feeds = {name: self.values[name] for name in self.inputs}
        shapes = {name: self.values[name].shape if self.chance(0.5) else None for name in outputs}
        proto = make_model([*nodes, *self.nodes], feeds, shapes, stored, self.opset)
        if self.chance(0.2):  # the batch is left open
            proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
        if self.opset <= 8 and self.chance(0.5):  # in files this old, constants are listed among the inputs
            proto.ir_version = 3
            old = make_model([], stored, {}, {}, self.opset)
            proto.graph.input.extend(old.graph.input)
        expected = dict(zip(outputs, run_session(open_session(proto), feeds), strict=True))
        return RandomModel(seed, proto, feeds, expected)


@functools.cache
def schema_of(op: str, opset: int) -> Any:
    try:
        return onnx.defs.get_schema(op, opset, "")
    except onnx.defs.SchemaError:
        return None


def _set_operand(given: list[Operand], schema: Any, name: str, value: Any) -> None:
    for index, entry in enumerate(schema.inputs):
        if entry.name == name:
            given.extend([None] * (index + 1 - len(given)))
            given[index] = (
                np.asarray(value) if isinstance(value, np.ndarray | np.generic) else np.array(value, np.int64)
            )


def make_model(
    nodes: Sequence[onnx.NodeProto],
    feeds: Mapping[str, np.ndarray],
    outputs: Mapping[str, Sequence[int] | None],
    constants: Mapping[str, np.ndarray],
    opset: int,
) -> onnx.ModelProto:
    """outputs: their shapes, None to leave them open; all are f32 then."""
    graph = helper.make_graph(
        list(nodes),
        "random",
        [helper.make_tensor_value_info(n, ONNX_TYPES[str(a.dtype)], a.shape) for n, a in feeds.items()],
        [
            helper.make_empty_tensor_value_info(n) if s is None else helper.make_tensor_value_info(n, 1, s)
            for n, s in outputs.items()
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """UnfitError for what ONNX Runtime does not open."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class of their own
        raise UnfitError(str(error)) from error


def run_session(session: onnxruntime.InferenceSession, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """UnfitError for what ONNX Runtime does not run."""
    try:
        return list(session.run(None, dict(feeds)))
    except Exception as error:
        raise UnfitError(str(error)) from error


def product(sizes: Sequence[int]) -> int:
    return math.prod(sizes)
