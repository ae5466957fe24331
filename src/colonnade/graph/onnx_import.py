"""ONNX to graph: resolve shapes, fold what is constant, and read each other node by its function in `onnx_ops/`."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnx.numpy_helper
from onnx.reference import ReferenceEvaluator

import colonnade.graph.onnx_ops  # noqa: F401  (fills the operator table)
from colonnade.elements import ELEMENTS, Element
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import IDENTITY, REAL, Act, Graph
from colonnade.graph.onnx_file import DEFAULT_DOMAIN, check_node, default_opset, first_line, one_line, read_model
from colonnade.graph.onnx_node import (
    MAX_ELEMENTS,
    Builder,
    Constant,
    SourceNode,
    Tensor,
    Value,
    reader_of,
    rename_output,
    supported_operators,
)

DEFAULT_BATCH = 1
ONNX_TYPES = {element.onnx: element for element in ELEMENTS}
DEFAULT_INPUT_SIZE = 224
RANDOM_OPERATORS = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)


def import_model(
    source: str | os.PathLike[str] | onnx.ModelProto,
    *,
    batch: int | None = None,
    input_size: tuple[int, int] | int | None = None,
) -> Graph:
    """Read an ONNX model (a path or a loaded one) into a graph with static shapes.

    The first dimension of each input is `batch` when given, else what the file fixes, else 1. Height and width of an
    image input are `input_size` (H, W, or one number for both) when given, else what the file fixes, else 224.
    Raises ColonnadeError, in one line that names the file, for anything that cannot be read or is not supported.
    """
    model, label = read_model(source)
    plane = (input_size, input_size) if isinstance(input_size, int) else input_size
    if any(d < 1 for d in (batch or 1, *(plane or ()))) or batch == 0:
        raise ColonnadeError(f"{label}: batch {batch} and input size {input_size} must be positive")
    importer = _Importer(label, default_opset(model, label))
    importer.builder.taken.update(output for node in model.graph.node for output in node.output)
    try:
        importer.read_initializers(model.graph)
        importer.read_inputs(model.graph, batch, plane)
        for node in model.graph.node:
            importer.read_node(node)
        return importer.finish(model.graph)
    except ColonnadeError as error:
        raise ColonnadeError(one_line(f"{label}: {error}")) from error.__cause__


@dataclass
class _Importer:
    """The values read so far, by their ONNX names."""

    label: str
    opset: int
    builder: Builder = field(default_factory=Builder)
    values: dict[str, Value] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    elements: dict[str, Element] = field(default_factory=dict)
    second_outputs: set[str] = field(default_factory=set)
    rebatch: tuple[int, int] | None = None

    def read_initializers(self, graph: onnx.GraphProto) -> None:
        if graph.sparse_initializer:
            raise ColonnadeError("sparse initializers are not supported; store them dense")
        for initializer in graph.initializer:
            try:
                array = onnx.numpy_helper.to_array(initializer)
            except (ValueError, TypeError) as error:
                raise ColonnadeError(f"initializer '{initializer.name}' is damaged: {first_line(error)}") from error
            self._bind(initializer.name, Constant(initializer.name, array))

    def read_inputs(self, graph: onnx.GraphProto, batch: int | None, plane: tuple[int, int] | None) -> None:
        """Bind the inputs. Files of IR version 3 list the initializers among them: those stay constants."""
        for entry in graph.input:
            if entry.name in self.values:
                continue
            shape = self._input_shape(entry, batch, plane)
            self.inputs.append(entry.name)
            self.builder.shapes[entry.name] = shape
            self.elements[entry.name] = ONNX_TYPES[entry.type.tensor_type.elem_type]
            self._bind(entry.name, Tensor(entry.name, shape))
        if not self.inputs:
            raise ColonnadeError("it has no input to run on; an image input is needed")

    def _input_shape(
        self, entry: onnx.ValueInfoProto, batch: int | None, plane: tuple[int, int] | None
    ) -> tuple[int, ...]:
        tensor = entry.type.tensor_type
        if tensor.elem_type not in ONNX_TYPES:
            found = onnx.TensorProto.DataType.Name(tensor.elem_type) if tensor.elem_type else "not a tensor"
            raise ColonnadeError(
                f"input '{entry.name}' is {found}; only {', '.join(e.dtype for e in ELEMENTS)} images are supported"
            )
        if not tensor.HasField("shape"):
            raise ColonnadeError(f"input '{entry.name}' has no shape; export the model with one")
        fixed = [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in tensor.shape.dim]
        wanted: list[int | None] = [None] * len(fixed)
        default: list[int | None] = [None] * len(fixed)
        if len(fixed) >= 2:
            wanted[0], default[0] = batch, DEFAULT_BATCH
            if batch is not None and fixed[0] not in (None, batch):
                self.rebatch = (fixed[0], batch)
        if len(fixed) == 4:
            wanted[2:], default[2:] = plane or (None, None), (DEFAULT_INPUT_SIZE, DEFAULT_INPUT_SIZE)
        shape = [w or f or d for w, f, d in zip(wanted, fixed, default, strict=True)]
        if None in shape:
            raise ColonnadeError(
                f"input '{entry.name}' has no fixed size on axis {shape.index(None)}; export the model with one"
            )
        sizes = tuple(d for d in shape if d is not None)
        if math.prod(sizes) > MAX_ELEMENTS:
            raise ColonnadeError(f"input '{entry.name}' of shape {list(sizes)} is too large")
        return sizes

    def read_node(self, proto: onnx.NodeProto) -> None:
        """Fold a node whose operands are all constants, read any other by its function."""
        name = proto.name or next((o for o in proto.output if o), proto.op_type)
        try:
            operands = tuple(self._read(value) if value else None for value in proto.input)
            if self._is_foldable(proto, operands):
                self._fold(proto, operands)
                return
            read = reader_of(proto.op_type) if proto.domain in DEFAULT_DOMAIN else None
            if read is None:
                raise _UnsupportedOperatorError
            check_node(proto, self.opset)
            attributes = {a.name: _attribute(a) for a in proto.attribute}
            node = SourceNode(
                name=name,
                op_type=proto.op_type,
                opset=self.opset,
                operands=operands,
                attributes=attributes,
                builder=self.builder,
                rebatch=self.rebatch,
                outputs=sum(map(bool, proto.output)),
            )
            results = read(node)
            results = results if isinstance(results, tuple) else (results,)
            for output, result in zip(proto.output, results, strict=False):
                if output:
                    self._bind_result(output, node, result)
            self.second_outputs.update(proto.output[len(results) :])
        except _UnsupportedOperatorError:
            domain = f" ({proto.domain})" if proto.domain else ""
            raise ColonnadeError(
                f"node '{name}' has operator {proto.op_type}{domain}, which Colonnade does not support; "
                f"supported: {', '.join(supported_operators())}"
            ) from None
        except ColonnadeError as error:
            raise ColonnadeError(f"node '{name}' ({proto.op_type}): {error}") from error.__cause__

    def _read(self, value: str) -> Value:
        if value in self.second_outputs:
            raise ColonnadeError(f"'{value}' is a second output of its node, which is not supported")
        if value not in self.values:
            raise ColonnadeError(f"nothing makes '{value}': the model is damaged, or its nodes are out of order")
        return self.values[value]

    def _bind(self, name: str, value: Value) -> None:
        if name in self.values:
            raise ColonnadeError(f"'{name}' is made twice: the model is damaged")
        self.values[name] = value
        self.builder.taken.add(name)

    def _bind_result(self, output: str, node: SourceNode, result: Value) -> None:
        """Name the result as the file does. A result that is an operand stays a node of its own, for a pass to drop."""
        if isinstance(result, Tensor):
            if result.name in self.values:
                result = node.emit(Act(IDENTITY), [result], result.shape, result.dtype)
            result = rename_output(self.builder, result, output)
        self._bind(output, result)

    def _is_foldable(self, proto: onnx.NodeProto, operands: Sequence[Value | None]) -> bool:
        if proto.op_type in RANDOM_OPERATORS or any(a.type == onnx.AttributeProto.GRAPH for a in proto.attribute):
            return False
        constant = all(not isinstance(operand, Tensor) for operand in operands)
        return constant and (bool(proto.input) or proto.op_type == "Constant")

    def _fold(self, proto: onnx.NodeProto, operands: Sequence[Value | None]) -> None:
        """Evaluate a node of constants."""
        feeds = {o: v.array for o, v in zip(proto.input, operands, strict=True) if isinstance(v, Constant)}
        outputs = [o for o in proto.output if o]
        try:
            arrays = _evaluate(proto, self.opset, feeds)
        except Exception as error:  # the evaluator raises whatever numpy or its own checks raise
            raise ColonnadeError(f"its constant inputs cannot be evaluated: {first_line(error)}") from error
        for output, array in zip(outputs, arrays, strict=True):
            self._bind(output, Constant(output, np.asarray(array)))

    def finish(self, graph: onnx.GraphProto) -> Graph:
        outputs = tuple(entry.name for entry in graph.output)
        for output in outputs:
            value = self._read(output)
            if isinstance(value, Constant):
                if value.array.dtype != REAL:
                    raise ColonnadeError(f"output '{output}' is {value.array.dtype}; only {REAL} is supported")
                self.builder.constants[output] = value.array
        return Graph(
            inputs=tuple(self.inputs),
            outputs=outputs,
            nodes=tuple(self.builder.nodes),
            constants=self.builder.constants,
            shapes=self.builder.shapes,
            name=graph.name or "model",
            elements=self.elements,
        )


class _UnsupportedOperatorError(Exception):
    """The node's operator is not in the table."""


def _attribute(attribute: onnx.AttributeProto) -> object:
    value = onnx.helper.get_attribute_value(attribute)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _evaluate(proto: onnx.NodeProto, opset: int, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Run one node in the ONNX project's reference evaluator."""
    if proto.op_type == "ConstantOfShape" and math.prod(feeds[proto.input[0]].tolist()) > MAX_ELEMENTS:
        raise ValueError(f"shape {feeds[proto.input[0]].tolist()} is too large")
    graph = onnx.helper.make_graph(
        [proto],
        "constants",
        [
            onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in feeds.items()
        ],
        [onnx.ValueInfoProto(name=o) for o in proto.output if o],
    )
    opsets = [onnx.helper.make_opsetid("", opset)]
    if proto.domain not in DEFAULT_DOMAIN:
        opsets.append(onnx.helper.make_opsetid(proto.domain, 1))
    model = onnx.helper.make_model(graph, opset_imports=opsets)
    with np.errstate(all="ignore"):
        return list(ReferenceEvaluator(model).run(None, feeds))
