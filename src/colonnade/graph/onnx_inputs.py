"""Shapes and types of the inputs and outputs of an ONNX file: what it fixes, what the user asks for, and the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from colonnade.elements import DEFAULT, ELEMENTS, Element
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL
from colonnade.graph.onnx_node import MAX_ELEMENTS, Tensor, Value
from colonnade.graph.tensors import type_name

DEFAULT_BATCH = 1
DEFAULT_INPUT_SIZE = 224
# Element types of ONNX that real numbers may have in a file, and how values of theirs are kept in the graph.
WIDENED = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
ONNX_TYPES: dict[int, Element] = {element.onnx: element for element in ELEMENTS} | dict.fromkeys(WIDENED, DEFAULT)


def data_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Its inputs that are no constants: files of IR version 3 list the initializers among them."""
    stored = {initializer.name for initializer in graph.initializer}
    return [entry for entry in graph.input if entry.name not in stored]


def input_fault(entry: onnx.ValueInfoProto) -> str | None:
    """Why an input cannot be one of a graph, if its type is why."""
    elem_type = entry.type.tensor_type.elem_type
    if elem_type in ONNX_TYPES:
        return None
    found = type_name(elem_type) if elem_type else "not a tensor"
    return f"input '{entry.name}' is {found}; only {', '.join(e.dtype for e in ELEMENTS)} images are supported"


def output_fault(entry: onnx.ValueInfoProto, value: Value | None) -> str | None:
    """Why an output cannot be one of a graph, if its type is why. value: what is known of it."""
    declared = entry.type.tensor_type.elem_type
    if declared and declared not in ONNX_TYPES:
        return f"output '{entry.name}' is {type_name(declared)}; only {REAL} is supported"
    dtype = REAL if value is None else value.dtype if isinstance(value, Tensor) else value.array.dtype
    if dtype != REAL and dtype != np.float64:
        return f"output '{entry.name}' is {dtype}; only {REAL} is supported; add a Cast to it"
    return None


@dataclass(frozen=True)
class InputShapes:
    """What the user asks for: a batch, height and width of images, and whole shapes of inputs by name."""

    batch: int | None
    plane: tuple[int, int] | None
    shapes: Mapping[str, Sequence[int]]

    @classmethod
    def asked(
        cls,
        batch: int | None,
        input_size: tuple[int, int] | int | None,
        shapes: Mapping[str, Sequence[int]] | None,
    ) -> InputShapes:
        """As `import_model` is asked. ColonnadeError for sizes that are not positive."""
        plane = (input_size, input_size) if isinstance(input_size, int) else input_size
        if any(d < 1 for d in (batch or 1, *(plane or ()))) or batch == 0:
            raise ColonnadeError(f"batch {batch} and input size {input_size} must be positive")
        return cls(batch, plane, shapes or {})

    def check_names(self, entries: Sequence[onnx.ValueInfoProto]) -> None:
        """ColonnadeError if a shape is given to an input that is not there."""
        for name in self.shapes.keys() - {entry.name for entry in entries}:
            known = ", ".join(entry.name for entry in entries)
            raise ColonnadeError(f"it has no input '{name}' to give a shape; inputs: {known}")

    def shape_of(self, entry: onnx.ValueInfoProto) -> tuple[int, ...]:
        """The shape of an input. ColonnadeError if it has none, or one that cannot be."""
        given = self.shapes.get(entry.name)
        return self._filled(entry) if given is None else _whole(entry, given)

    def rebatch(self, entry: onnx.ValueInfoProto) -> tuple[int, int] | None:
        """The batch that the file fixes for an input, and the other one that is asked for; None if neither is so."""
        fixed = _fixed_sizes(entry)
        changed = entry.name not in self.shapes and len(fixed) >= 2 and fixed[0] not in (None, self.batch)
        return (fixed[0], self.batch) if changed and fixed[0] and self.batch else None

    def _filled(self, entry: onnx.ValueInfoProto) -> tuple[int, ...]:
        """What is asked for, else what the file fixes, else the default."""
        if not entry.type.tensor_type.HasField("shape"):
            raise ColonnadeError(f"input '{entry.name}' has no shape; export the model with one")
        fixed = _fixed_sizes(entry)
        wanted: list[int | None] = [None] * len(fixed)
        default: list[int | None] = [None] * len(fixed)
        if len(fixed) >= 2:
            wanted[0], default[0] = self.batch, DEFAULT_BATCH
        if len(fixed) == 4:
            wanted[2:], default[2:] = self.plane or (None, None), (DEFAULT_INPUT_SIZE, DEFAULT_INPUT_SIZE)
        shape = [w or f or d for w, f, d in zip(wanted, fixed, default, strict=True)]
        if None in shape:
            raise ColonnadeError(
                f"input '{entry.name}' has no fixed size on axis {shape.index(None)}; give its shape, as in "
                f"--shape {entry.name}={','.join(str(d or '?') for d in shape)}, or export the model with one"
            )
        sizes = tuple(d for d in shape if d is not None)
        if math.prod(sizes) > MAX_ELEMENTS:
            raise ColonnadeError(f"input '{entry.name}' of shape {list(sizes)} is too large")
        return sizes


def _fixed_sizes(entry: onnx.ValueInfoProto) -> list[int | None]:
    """The sizes of an input that the file fixes, None for those that it leaves open."""
    dims = entry.type.tensor_type.shape.dim
    return [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in dims]


def _whole(entry: onnx.ValueInfoProto, given: Sequence[int]) -> tuple[int, ...]:
    """The shape that the user gives to an input. ColonnadeError if the model has an input of another rank."""
    tensor = entry.type.tensor_type
    if tensor.HasField("shape") and len(tensor.shape.dim) != len(given):
        raise ColonnadeError(f"input '{entry.name}' has {len(tensor.shape.dim)} axes, not those of {list(given)}")
    if min(given, default=1) < 1 or math.prod(given) > MAX_ELEMENTS:
        raise ColonnadeError(f"input '{entry.name}' cannot have shape {list(given)}")
    return tuple(given)
