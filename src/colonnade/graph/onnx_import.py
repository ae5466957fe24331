"""ONNX to graph: resolve shapes, fold what is constant, and read each other node by its function in `onnx_ops/`."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx

import colonnade.graph.onnx_ops  # noqa: F401  (fills the operator table)
from colonnade.elements import DEFAULT, Element
from colonnade.errors import ColonnadeError, first_line
from colonnade.graph.folding.fold import fold, is_foldable
from colonnade.graph.folding.node import Budget, Operation, is_spread, memory_of
from colonnade.graph.inferred import InferredType, inferred_types
from colonnade.graph.ir import IDENTITY, REAL, Act, Graph
from colonnade.graph.onnx_file import DEFAULT_DOMAIN, check_node, default_opset, expanded, read_model
from colonnade.graph.onnx_inputs import ONNX_TYPES, WIDENED, InputShapes, data_inputs, input_fault, output_fault
from colonnade.graph.onnx_node import (
    MAX_ELEMENTS,
    Builder,
    Constant,
    SourceNode,
    Tensor,
    Value,
    reader_of,
    rename_output,
)
from colonnade.graph.order import in_running_order, values_read
from colonnade.graph.refusals import DamagedModelError, Refusal, refusal_message
from colonnade.graph.survey import Place, Survey
from colonnade.graph.tensors import dtype_of, read_attribute, read_tensor

# The ONNX project's light networks have weights of ConstantOfShape: 550 MiB in a file of five kilobytes.
MAX_SPREAD_BYTES = 600 * 2**20


def import_model(
    source: str | os.PathLike[str] | onnx.ModelProto,
    *,
    batch: int | None = None,
    input_size: tuple[int, int] | int | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Graph:
    """Read an ONNX model (a path or a loaded one) into a graph with static shapes.

    The first dimension of each input is `batch` when given, else what the file fixes, else 1. Height and width of an
    image input are `input_size` (H, W, or one number for both) when given, else what the file fixes, else 224. `shapes`
    gives whole shapes of inputs by name, which nothing else then changes. Real numbers of 16 or 64 bits become f32,
    which the graph's notes say.
    Raises ColonnadeError, in one line that names the file, for anything that cannot be read or is not supported, and
    for files that would need far more memory than their size and the values of the network are worth.
    """
    model, label = read_model(source)
    try:
        importer = _Importer(expanded(model), Budget(model.ByteSize()))
        importer.run(InputShapes.asked(batch, input_size, shapes))
        if importer.refusals or importer.faults:
            raise ColonnadeError(refusal_message(importer.refusals, importer.faults))
        return importer.finish()
    except ColonnadeError as error:
        raise ColonnadeError(f"{label}: {error}") from error.__cause__


def survey_model(
    source: str | os.PathLike[str] | onnx.ModelProto,
    *,
    batch: int | None = None,
    input_size: tuple[int, int] | int | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Survey:
    """Which nodes of a model `import_model` takes, and what is known of the values of the others. Inputs may be tensors
    of any element type. Errors are those of `import_model`, except that refused nodes are none."""
    model, label = read_model(source)
    try:
        model = expanded(model)
        importer = _Importer(model, Budget(model.ByteSize()), Survey(model, label))
        importer.run(InputShapes.asked(batch, input_size, shapes))
        return importer.finish_survey()
    except ColonnadeError as error:
        raise ColonnadeError(f"{label}: {error}") from error.__cause__


@dataclass
class _Importer:
    """The values read so far, by their ONNX names.

    After a node that is refused it goes on: outputs whose shapes can be inferred are values as if the node had been
    read, and nodes that read others (`unread`) are passed over. `values` holds those that are still to be read, `uses`
    how often; a folded constant is forgotten after its last use. `folded` holds the bytes of each folded constant that
    no graph node uses.
    """

    model: onnx.ModelProto
    budget: Budget
    survey: Survey | None = None
    opset: int = 0
    builder: Builder = field(default_factory=Builder)
    values: dict[str, Value] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)
    bound: set[str] = field(default_factory=set)
    folded: dict[str, int] = field(default_factory=dict)
    live_bytes: int = 0
    spread_bytes: int = 0
    inputs: list[str] = field(default_factory=list)
    elements: dict[str, Element] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    refusals: list[Refusal] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    widened: dict[str, None] = field(default_factory=dict)
    rebatch: tuple[int, int] | None = None

    def run(self, asked: InputShapes) -> None:
        """Read the whole file."""
        self.opset = default_opset(self.model)
        graph = self.model.graph
        self.prepare(graph)
        self.read_initializers(graph)
        self.read_inputs(graph, asked)
        for node in in_running_order(graph.node):
            self.read_node(node)
        for entry in graph.output:
            value = None if entry.name in self.unread else self._read(entry.name)
            if (fault := output_fault(entry, value)) is not None:
                self.faults.append(fault)

    def prepare(self, graph: onnx.GraphProto) -> None:
        """What has to be known before the first node is read: all names, and how often each is used."""
        for node in graph.node:
            self.builder.taken.update(node.output)
            self.uses.update(values_read(node))
        outputs = [entry.name for entry in graph.output]
        if not outputs:
            raise ColonnadeError("it has no outputs")
        if len(set(outputs)) < len(outputs):
            raise ColonnadeError("one of its outputs is listed twice")
        self.uses.update(outputs)

    def read_initializers(self, graph: onnx.GraphProto) -> None:
        if graph.sparse_initializer:
            raise ColonnadeError("sparse initializers are not supported; store them dense")
        stored = 0
        for initializer in graph.initializer:
            try:
                array = read_tensor(initializer)
            except ColonnadeError as error:
                raise ColonnadeError(f"initializer '{initializer.name}' is damaged: {error}") from error
            stored += array.nbytes
            self._bind(initializer.name, Constant(initializer.name, array))
        self.budget.stored = max(self.budget.stored, stored)

    def read_inputs(self, graph: onnx.GraphProto, asked: InputShapes) -> None:
        """Bind the inputs, those of other types than a graph has as values that no function can read."""
        entries = data_inputs(graph)
        asked.check_names(entries)
        for entry in entries:
            elem_type = entry.type.tensor_type.elem_type
            fault = input_fault(entry)
            if fault is not None:
                if not elem_type:
                    raise ColonnadeError(fault)
                self.faults.append(fault)
            shape = asked.shape_of(entry)
            self.rebatch = asked.rebatch(entry) or self.rebatch
            self.inputs.append(entry.name)
            self.builder.shapes[entry.name] = shape
            if self.survey is not None:
                self.survey.inputs[entry.name] = InferredType(elem_type, shape)
            if fault is not None:
                self._leave(entry.name)
                continue
            self.elements[entry.name] = ONNX_TYPES[elem_type]
            self._note_type(elem_type)
            self._bind(entry.name, Tensor(entry.name, shape))
        if not self.inputs:
            raise ColonnadeError("it has no input to run on; an image input is needed")

    def read_node(self, proto: onnx.NodeProto) -> None:
        """Fold a node whose operands are all constants, read any other by its function, or note why that fails."""
        name = proto.name or next((o for o in proto.output if o), proto.op_type)
        place: Place = "fallback"
        try:
            place = self._read_node(proto, name)
        except _BehindError:
            pass
        except _UnsupportedOperatorError:
            self.refusals.append(Refusal(name, proto.op_type, proto.domain, None))
        except DamagedModelError as error:
            raise ColonnadeError(f"node '{name}' ({proto.op_type}): {error}") from error.__cause__
        except ColonnadeError as error:
            self.refusals.append(Refusal(name, proto.op_type, proto.domain, str(error)))
        if place == "fallback":
            self._bind_inferred(proto)
        if self.survey is not None:
            self._note_place(self.survey, proto, place)
        self._forget(proto)

    def _read_node(self, proto: onnx.NodeProto, name: str) -> Place:
        if proto.domain not in DEFAULT_DOMAIN or not is_foldable(proto.op_type):
            raise _UnsupportedOperatorError
        operands = tuple(self._read(value) if value else None for value in proto.input)
        folds = self._is_foldable(proto, operands)
        if reader_of(proto.op_type) is None and not folds:
            raise _UnsupportedOperatorError
        check_node(proto, self.opset)
        attributes = {a.name: read_attribute(a) for a in proto.attribute}
        if folds:
            self._fold(proto, operands, attributes)
        else:
            self._check_types(proto, attributes)
            node = SourceNode(
                name=name,
                op_type=proto.op_type,
                opset=self.opset,
                operands=tuple(map(self._as_operand, operands)),
                attributes=attributes,
                builder=self.builder,
                rebatch=self.rebatch,
                outputs=sum(map(bool, proto.output)),
            )
            self._read_by_function(proto, node)
        constant = all(isinstance(self.values.get(output), Constant) for output in proto.output if output)
        return "constant" if constant else "native"

    @cached_property
    def _inferred(self) -> dict[str, InferredType]:
        """Asked for only if a node is refused."""
        shapes = {name: self.builder.shapes[name] for name in self.inputs}
        return inferred_types(self.model, shapes)

    def _bind_inferred(self, proto: onnx.NodeProto) -> None:
        """Bind the outputs of a node that was not read: those of a known shape as if it had been."""
        constant = all(isinstance(self.values.get(name), Constant) for name in values_read(proto))
        for output in proto.output:
            if not output or output in self.values:
                continue
            found = self._inferred.get(output)
            if found is None or found.shape is None or constant or not self._is_readable(found):
                self._leave(output)
            else:
                self.builder.shapes[output] = found.shape
                self._bind(output, Tensor(output, found.shape))

    def _is_readable(self, found: InferredType) -> bool:
        return found.elem_type in ONNX_TYPES and 0 < math.prod(found.shape or ()) <= MAX_ELEMENTS

    def _leave(self, name: str) -> None:
        """A value that no function can read."""
        if name in self.bound:
            raise DamagedModelError(f"'{name}' is made twice: the model is damaged")
        self.bound.add(name)
        self.unread.add(name)

    def _note_place(self, survey: Survey, proto: onnx.NodeProto, place: Place) -> None:
        survey.nodes.append(proto)
        survey.places.append(place)
        if place != "constant":
            read = {name: self.values.get(name) for name in values_read(proto)}
            found = {name: value.array for name, value in read.items() if isinstance(value, Constant)}
            survey.constants.update(found)
        for output in proto.output:
            value = self.values.get(output)
            if isinstance(value, Tensor):
                survey.tensors[output] = value

    def _read_by_function(self, proto: onnx.NodeProto, node: SourceNode) -> None:
        read = reader_of(proto.op_type)
        assert read is not None
        try:
            with np.errstate(all="ignore"):  # weights may be infinite, and statistics negative
                made = read(node)
        except (ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
            # Operands and attributes of a damaged file: numpy and Python say by many exceptions that they do not fit.
            raise ColonnadeError(f"its inputs and attributes do not fit: {first_line(error)}") from error
        for name in (value for value in proto.input if value):
            self.folded.pop(name, None)  # it is part of the graph now, and stays
        results = made if isinstance(made, tuple) else (made,)
        for output, result in zip(proto.output, results, strict=False):
            if output:
                self._bind_result(output, node, result)
        self._check_unmade(proto, len(results))

    def _check_unmade(self, proto: onnx.NodeProto, made: int) -> None:
        """Outputs that its function does not make must be read by nobody."""
        for output in filter(None, proto.output[made:]):
            if self.uses[output] > 0:
                raise ColonnadeError(f"'{output}' is a second output of its node, which is not supported")

    def _check_types(self, proto: onnx.NodeProto, attributes: dict[str, Any]) -> None:
        """A cast to real numbers of another size is a cast to f32."""
        if "to" in attributes:
            dtype_of(attributes["to"])
            self._note_type(attributes["to"])
            if attributes["to"] in WIDENED:
                attributes["to"] = DEFAULT.onnx

    def _note_type(self, data_type: int) -> None:
        if data_type in WIDENED:
            self.widened[str(dtype_of(data_type))] = None

    def _as_operand(self, operand: Value | None) -> Value | None:
        """A constant as graph nodes take it. Doubles are kept as they are for as long as constants are computed from
        constants, and so are those that repeat one element without storing it."""
        if not isinstance(operand, Constant):
            return operand
        if is_spread(operand.array):
            self.spread_bytes += operand.array.nbytes
            if self.spread_bytes > MAX_SPREAD_BYTES:
                raise DamagedModelError(
                    f"its constants that repeat one number are too large: over {MAX_SPREAD_BYTES // 2**20} MiB"
                )
        if operand.array.dtype != np.float64:
            return operand
        self._note_type(onnx.TensorProto.DOUBLE)
        return self._as_real(operand)

    def _as_real(self, constant: Constant) -> Constant:
        self.budget.reserve(constant.array.shape, REAL.itemsize)
        with np.errstate(over="ignore"):
            return Constant(constant.name, constant.array.astype(REAL))

    def _read(self, value: str) -> Value:
        if value in self.unread:
            raise _BehindError
        if value not in self.values:
            raise DamagedModelError(f"nothing makes '{value}': the model is damaged")
        return self.values[value]

    def _bind(self, name: str, value: Value) -> None:
        if name in self.bound or not name:
            raise DamagedModelError(f"'{name}' is made twice: the model is damaged" if name else "a value has no name")
        if isinstance(value, Constant) and str(value.array.dtype) in ("float16", "bfloat16"):
            self.widened[str(value.array.dtype)] = None
            value = self._as_real(value)
        if isinstance(value, Tensor):
            self.live_bytes += math.prod(value.shape) * REAL.itemsize
            self.budget.live = max(self.budget.live, self.live_bytes)
        self.bound.add(name)
        self.values[name] = value
        self.builder.taken.add(name)

    def _bind_result(self, output: str, node: SourceNode, result: Value) -> None:
        """Name the result as the file does. A result that is an operand stays a node of its own, for a pass to drop."""
        if isinstance(result, Tensor):
            if result.name in self.values:
                result = node.emit(Act(IDENTITY), [result], result.shape, result.dtype)
            result = rename_output(self.builder, result, output)
        self._bind(output, result)

    def _forget(self, proto: onnx.NodeProto) -> None:
        """Let go of the values that no later node reads."""
        read = values_read(proto)
        self.uses.subtract(read)
        for name in (*read, *proto.output):
            if name in self.values and self.uses[name] <= 0:
                value = self.values.pop(name)
                if isinstance(value, Tensor):
                    self.live_bytes -= math.prod(value.shape) * REAL.itemsize
                self.budget.held -= self.folded.pop(name, 0)

    def _is_foldable(self, proto: onnx.NodeProto, operands: Sequence[Value | None]) -> bool:
        constant = all(not isinstance(operand, Tensor) for operand in operands)
        known = proto.domain in DEFAULT_DOMAIN and is_foldable(proto.op_type)
        return constant and known and (bool(proto.input) or proto.op_type == "Constant")

    def _fold(self, proto: onnx.NodeProto, operands: Sequence[Value | None], attributes: dict[str, Any]) -> None:
        """Evaluate a node of constants."""
        arrays = tuple(operand.array if isinstance(operand, Constant) else None for operand in operands)
        operation = Operation(
            proto.op_type, self.opset, arrays, attributes, outputs=len(proto.output), budget=self.budget
        )
        results = fold(operation)
        stored = [a for n, a in zip(proto.input, arrays, strict=True) if a is not None and n not in self.folded]
        for output, array in zip(proto.output, results, strict=False):
            if not output:
                continue
            self._bind(output, Constant(output, array))
            # What is an initializer under another name takes no memory of its own.
            alias = any(np.may_share_memory(array, other) for other in stored)
            self.folded[output] = 0 if alias else memory_of(array)
            self.budget.held += self.folded[output]
        self._check_unmade(proto, len(results))

    def finish_survey(self) -> Survey:
        """What was found out, after the whole file was read. A value of the graph that is an output and no real number
        is left to others: a graph has no such outputs."""
        survey = self.survey
        assert survey is not None
        for entry in self.model.graph.output:
            value = self.values.get(entry.name)
            if isinstance(value, Constant):
                survey.constants[entry.name] = value.array
        others = {entry.name for entry in self.model.graph.output} - set(self.inputs)
        others = {name for name in others if name in survey.tensors and survey.tensors[name].dtype != REAL}
        for i, node in enumerate(survey.nodes):
            if survey.places[i] == "native" and others & set(node.output):
                survey.places[i] = "fallback"
        survey.refusals, survey.faults = self.refusals, self.faults
        survey.graph = self._native_graph(survey)
        if "fallback" in survey.places:
            survey.inferred = self._inferred
        if self.rebatch is not None and "fallback" in survey.places:
            raise ColonnadeError(f"its batch of {self.rebatch[0]} cannot be changed with a fallback; export it anew")
        return survey

    def finish(self) -> Graph:
        """The graph, after the whole file was read."""
        for entry in self.model.graph.output:
            value = self._as_operand(self._read(entry.name))
            self._note_type(entry.type.tensor_type.elem_type)
            if isinstance(value, Constant):
                self.budget.reserve(value.array.shape, REAL.itemsize)
                self.builder.constants[entry.name] = np.asarray(value.array, order="C")
        return self._graph(tuple(self.inputs), tuple(entry.name for entry in self.model.graph.output))

    def _graph(self, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Graph:
        return Graph(
            inputs=inputs,
            outputs=outputs,
            nodes=tuple(self.builder.nodes),
            constants=self.builder.constants,
            shapes=self.builder.shapes,
            name=self.model.graph.name or "model",
            elements=self.elements,
            notes=tuple(self._notes()),
        )

    def _native_graph(self, survey: Survey) -> Graph:
        """What was read as a graph of its own: values that refused nodes make are inputs, and those that they read, or
        the model's outputs, are outputs."""
        made = {node.output for node in self.builder.nodes}
        read = dict.fromkeys(name for node in self.builder.nodes for name in node.inputs)
        inputs = tuple(name for name in read if name not in made and name not in self.builder.constants)
        wanted = dict.fromkeys(entry.name for entry in self.model.graph.output)
        for node, place in zip(survey.nodes, survey.places, strict=True):
            if place == "fallback":
                wanted.update(dict.fromkeys(sorted(values_read(node))))
        return self._graph(inputs, tuple(name for name in wanted if name in made))

    def _notes(self) -> Iterator[str]:
        if self.widened:
            yield f"its {' and '.join(sorted(self.widened))} values are computed in {REAL}"


class _BehindError(Exception):
    """The node reads what a refused node makes."""


class _UnsupportedOperatorError(Exception):
    """The node's operator is not in the table."""
