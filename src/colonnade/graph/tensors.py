"""What an ONNX file stores as values: tensors and attributes to numpy arrays and Python values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from colonnade.errors import ColonnadeError, first_line

MAX_DIMENSIONS = 64  # of an array in numpy
STRING = onnx.TensorProto.STRING


def dtype_of(data_type: int) -> np.dtype:
    """numpy's dtype for an onnx.TensorProto.DataType; `object` for strings. ColonnadeError if there is no such type."""
    if data_type == STRING:
        return np.dtype(object)
    try:
        return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(data_type))
    except (KeyError, ValueError, TypeError):
        raise ColonnadeError(f"element type {type_name(data_type)} is unknown") from None


def type_name(data_type: int) -> str:
    """ONNX's name of an element type, or its number if ONNX has no such type."""
    types = onnx.TensorProto.DataType
    return str(types.Name(data_type)) if data_type in types.values() else str(data_type)


def read_tensor(tensor: onnx.TensorProto) -> np.ndarray:
    """The array of a stored tensor.

    ColonnadeError if its data lies in another file, if a dimension is negative, or if there are fewer or more elements
    than its dimensions say.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ColonnadeError("its data lies in another file; give the path of the model instead of the loaded model")
    dims = list(tensor.dims)
    if len(dims) > MAX_DIMENSIONS or min(dims, default=0) < 0:
        raise ColonnadeError(f"shape {shape_text(dims)} is not possible")
    dtype_of(tensor.data_type)
    try:
        array = np.asarray(onnx.numpy_helper.to_array(tensor))
    except Exception as error:  # what numpy and onnx raise for bytes that do not fit is not documented
        raise ColonnadeError(first_line(error)) from error
    if array.size != math.prod(dims):
        raise ColonnadeError(f"it holds {array.size} elements; its shape {shape_text(dims)} says {math.prod(dims)}")
    return array.reshape(dims)


def read_attribute(attribute: onnx.AttributeProto) -> Any:
    """The value of an attribute: a number, a text, a list of them, an array, or a message of ONNX (a graph)."""
    if attribute.ref_attr_name:
        raise ColonnadeError(
            f"attribute {attribute.name} refers to attribute {attribute.ref_attr_name} of a function, outside of one"
        )
    if attribute.type == onnx.AttributeProto.TENSOR:
        return read_tensor(attribute.t)
    try:
        value = onnx.helper.get_attribute_value(attribute)
    except ValueError:
        raise ColonnadeError(f"attribute {attribute.name} has no type that is known") from None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return list(value) if attribute.type in _LISTS else value


_LISTS = (onnx.AttributeProto.FLOATS, onnx.AttributeProto.INTS, onnx.AttributeProto.STRINGS)


def shape_text(shape: Iterable[int]) -> str:
    """A shape for a message, cut short if it is absurdly long."""
    dims = list(shape)
    shown = [str(d) if abs(d) < 2**64 else "..." for d in dims[:8]]
    return f"[{', '.join([*shown, '...'] if len(dims) > 8 else shown)}]"


def all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that a model stores, those in attributes included."""
    yield from _tensors_of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _tensors_of_node(node)


def _tensors_of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        yield from _tensors_of_node(node)


def _tensors_of_node(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        yield attribute.t
        yield from attribute.tensors
        for graph in (attribute.g, *attribute.graphs):
            yield from _tensors_of_graph(graph)


def external_bytes(model: onnx.ModelProto, folder: Path) -> tuple[int, int]:
    """(bytes that the tensors of a model read from other files, bytes of those files)."""
    wanted = 0
    files: dict[Path, int] = {}
    for tensor in all_tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        path = folder / entries.get("location", "")
        if path not in files:
            files[path] = path.stat().st_size if path.is_file() else 0
        length = entries.get("length", "")
        wanted += int(length) if length.isdecimal() and len(length) < 20 else files[path]
    return wanted, sum(files.values())
