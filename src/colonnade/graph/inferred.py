"""Types of the values of an ONNX graph as ONNX's own inference finds them, for those that our readers cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx
import onnx.shape_inference

# Larger constants are no shapes: the inference gets their type alone, which saves a copy of the weights.
_MOST_STORED = 1024


@dataclass(frozen=True)
class InferredType:
    """Element type (onnx.TensorProto.DataType), and the shape; None where it depends on data or is not known."""

    elem_type: int
    shape: tuple[int, ...] | None


def inferred_types(model: onnx.ModelProto, input_shapes: Mapping[str, Sequence[int]]) -> dict[str, InferredType]:
    """Types of the tensors of the main graph for inputs of these shapes; nothing of what cannot be inferred."""
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    graph = light.graph
    graph.name = "types"
    graph.node.extend(model.graph.node)
    stored = {tensor.name for tensor in model.graph.initializer}
    for entry in model.graph.input:
        if entry.name not in stored:
            graph.input.append(_fixed(entry, input_shapes.get(entry.name)))
    for tensor in model.graph.initializer:
        if tensor.ByteSize() <= _MOST_STORED:
            graph.initializer.append(tensor)
        else:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    graph.output.extend(onnx.ValueInfoProto(name=entry.name) for entry in model.graph.output)
    try:
        done = onnx.shape_inference.infer_shapes(light, check_type=False, strict_mode=False, data_prop=True)
    except Exception:  # of a damaged file: what onnx raises is not documented
        return {}
    entries = [*done.graph.input, *done.graph.value_info, *done.graph.output]
    return {entry.name: found for entry in entries if (found := _read(entry)) is not None}


def _fixed(entry: onnx.ValueInfoProto, shape: Sequence[int] | None) -> onnx.ValueInfoProto:
    if shape is None:
        return entry
    return onnx.helper.make_tensor_value_info(entry.name, entry.type.tensor_type.elem_type, list(shape))


def _read(entry: onnx.ValueInfoProto) -> InferredType | None:
    tensor = entry.type.tensor_type
    if not entry.type.HasField("tensor_type") or not tensor.elem_type:
        return None
    dims = [d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim]
    known = tensor.HasField("shape") and min(dims, default=0) >= 0
    return InferredType(tensor.elem_type, tuple(dims) if known else None)
