"""Cuts an ONNX graph into stages that run one after the other: those that Colonnade computes, and those that it cannot.

The stage of a node is the first one of its kind in which all that it reads is there: a native node after a fallback
node is in a later native stage, and the other way around. Native stages have even numbers, fallback stages odd ones.
Native stages without a convolution or a matrix product go to the fallback: handing their values over takes longer than
their work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from colonnade.elements import DEFAULT
from colonnade.errors import ColonnadeError
from colonnade.graph.inferred import InferredType
from colonnade.graph.ir import REAL
from colonnade.graph.onnx_node import fresh_name, is_heavy
from colonnade.graph.onnx_ops.shape import cast_node
from colonnade.graph.order import values_read
from colonnade.graph.survey import Survey

_MOST_ROUNDS = 8  # of giving small stages away, which may leave others small
REAL_TYPES = (DEFAULT.onnx, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)


@dataclass(frozen=True)
class Part:
    """One stage as an ONNX model. inputs, outputs: names in that model, and of the whole model's values that they are.
    All values of native stages are f32."""

    native: bool
    model: onnx.ModelProto
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    nodes: tuple[onnx.NodeProto, ...]


@dataclass
class Partition:
    """The stages of a survey. `types` may be filled with what running a part has shown of its outputs, before the next
    is asked for."""

    survey: Survey
    types: dict[str, InferredType] = field(default_factory=dict)
    ranks: dict[str, tuple[int, ...]] = field(default_factory=dict)  # shapes, -1 for sizes that depend on data

    def __post_init__(self) -> None:
        survey = self.survey
        self.outputs = [entry.name for entry in survey.model.graph.output]
        self._stored = {tensor.name: tensor for tensor in survey.model.graph.initializer}
        nodes = self._needed()
        self._assign(nodes)
        for _ in range(_MOST_ROUNDS):
            small = {id(node) for members in self._small_stages() for node in members}
            if not small:
                break
            nodes = [(node, "fallback" if id(node) in small else place) for node, place in nodes]
            self._assign(nodes)
        self.numbers = sorted(self._members)
        self._wanted = self._find_wanted()
        self._taken = _all_names(survey.model.graph)

    def _assign(self, nodes: Sequence[tuple[onnx.NodeProto, str]]) -> None:
        self._stage_of: dict[str, int] = {}
        self._members: dict[int, list[onnx.NodeProto]] = {}
        for node, place in nodes:
            parity = int(place == "fallback")
            before = [self._stage_of[name] for name in values_read(node) if name in self._stage_of]
            number = max([parity, *(n if n % 2 == parity else n + 1 for n in before)])
            self._members.setdefault(number, []).append(node)
            self._stage_of.update({output: number for output in node.output if output})

    def _small_stages(self) -> list[list[onnx.NodeProto]]:
        """Native stages without anything that is worth handing values over for."""
        native = [members for number, members in self._members.items() if number % 2 == 0]
        return [members for members in native if not any(is_heavy(node.op_type) for node in members)]

    def part(self, number: int) -> Part:
        """The stage of that number."""
        return _Assembly(self, number, number % 2 == 0).part()

    def type_of(self, name: str) -> InferredType:
        """Of a value that a stage reads. ColonnadeError if nobody knows."""
        if name in self.survey.inputs:
            return self.survey.inputs[name]
        if name in self._stored:
            return InferredType(self._stored[name].data_type, tuple(self._stored[name].dims))
        if name in self.survey.constants:
            array = self.survey.constants[name]
            return InferredType(helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        tensor = self.survey.tensors.get(name)
        if self._stage_of[name] % 2 == 0 and tensor is not None:
            found = self.survey.inferred.get(name)
            own = helper.np_dtype_to_tensor_dtype(tensor.dtype)
            return InferredType(found.elem_type if found else own, tensor.shape)
        known = self.types.get(name) or self.survey.inferred.get(name)
        if known is None:
            raise ColonnadeError(f"{self.survey.label}: nothing says of which type '{name}' is, which stages hand on")
        return known

    def members(self, number: int) -> list[onnx.NodeProto]:
        """The nodes of a stage."""
        return self._members[number]

    def wanted(self, number: int) -> list[str]:
        """The values of a stage that others read, or that are outputs of the model."""
        made = [name for name, stage in self._stage_of.items() if stage == number]
        constants = [n for n in self.outputs if n in self.survey.constants or n in self._stored]
        return [name for name in made if name in self._wanted] + (constants if number == self.numbers[0] else [])

    def constant(self, name: str, native: bool) -> onnx.TensorProto | None:
        """A stored or folded constant, as the kind of stage needs it."""
        if name in self._stored:
            return self._stored[name]
        array = self.survey.constants.get(name)
        if array is None:
            return None
        found = self.survey.inferred.get(name)
        if found is not None and not native:
            array = array.astype(helper.tensor_dtype_to_np_dtype(found.elem_type), copy=False)
        return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)

    def made_natively(self, name: str) -> bool:
        """Whether a value that stages hand on is f32 whatever the file says: real inputs are."""
        if name in self.survey.inputs:
            return self.survey.inputs[name].elem_type in REAL_TYPES
        return self._stage_of[name] % 2 == 0

    def fresh(self, name: str) -> str:
        """A name that the model does not have."""
        return fresh_name(f"{name}.{DEFAULT.name}", self._taken)

    def _needed(self) -> list[tuple[onnx.NodeProto, str]]:
        """The nodes that outputs need, without those that are constants, in running order."""
        needed = set(self.outputs)
        found = []
        for node, place in zip(reversed(self.survey.nodes), reversed(self.survey.places), strict=True):
            if place != "constant" and needed & set(node.output):
                needed |= values_read(node) - set(self.survey.constants)
                found.append((node, str(place)))
        return found[::-1]

    def _find_wanted(self) -> set[str]:
        wanted = set(self.outputs)
        for number, nodes in self._members.items():
            for node in nodes:
                wanted |= {name for name in values_read(node) if self._stage_of.get(name, number) != number}
        return wanted


@dataclass
class _Assembly:
    """The model of one stage, while it is made."""

    partition: Partition
    number: int
    native: bool
    graph: onnx.GraphProto = field(default_factory=onnx.GraphProto)
    inputs: list[tuple[str, str]] = field(default_factory=list)
    outputs: list[tuple[str, str]] = field(default_factory=list)

    def part(self) -> Part:
        nodes, survey = self.partition.members(self.number), self.partition.survey
        self.graph.name = f"stage {self.number}"
        made = {output for node in nodes for output in node.output}
        wanted = self.partition.wanted(self.number)
        read = dict.fromkeys(name for node in nodes for name in sorted(values_read(node)))
        for name in dict.fromkeys([*read, *wanted]):
            if name not in made:
                self._read(name)
        self.graph.node.extend(nodes)
        for name in wanted:
            self._hand_on(name)
        model = onnx.ModelProto(
            ir_version=survey.model.ir_version, opset_import=survey.model.opset_import, graph=self.graph
        )
        return Part(self.native, model, tuple(self.inputs), tuple(self.outputs), tuple(nodes))

    def _read(self, name: str) -> None:
        """A constant, or an input, which a native stage reads as f32 and casts to what its nodes expect."""
        constant = self.partition.constant(name, self.native)
        if constant is not None:
            self.graph.initializer.append(constant)
            return
        kind = self.partition.type_of(name)
        own, elem_type = name, kind.elem_type
        if self.native:
            elem_type = DEFAULT.onnx
            if kind.elem_type not in REAL_TYPES:
                own = self.partition.fresh(name)
                self.graph.node.append(cast_node(own, name, kind.elem_type))
        entry = helper.make_tensor_value_info(own, elem_type, None if kind.shape is None else list(kind.shape))
        self.graph.input.append(entry)
        self.inputs.append((own, name))

    def _hand_on(self, name: str) -> None:
        """An output, of a native stage as f32."""
        own = name
        tensor = self.partition.survey.tensors.get(name)
        if self.native and tensor is not None and tensor.dtype != REAL:
            own = self.partition.fresh(name)
            self.graph.node.append(cast_node(name, own, DEFAULT.onnx))
        self.graph.output.append(onnx.ValueInfoProto(name=own))
        self.outputs.append((own, name))


def _all_names(graph: onnx.GraphProto) -> set[str]:
    """Names of all values, those of graphs in attributes included."""
    found = {entry.name for entries in (graph.input, graph.output, graph.initializer) for entry in entries}
    for node in graph.node:
        found |= set(node.output) | set(node.input)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                found |= _all_names(inner)
    return found


def operator_counts(nodes: Iterable[onnx.NodeProto]) -> Mapping[str, int]:
    """How often each operator occurs."""
    counts: dict[str, int] = {}
    for node in nodes:
        counts[node.op_type] = counts.get(node.op_type, 0) + 1
    return counts
