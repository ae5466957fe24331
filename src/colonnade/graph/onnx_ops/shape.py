"""Operators that move, join or describe values."""

from __future__ import annotations

import math

import numpy as np
import onnx

from colonnade.elements import DEFAULT
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL, Concat, Pad, Reshape, Transpose
from colonnade.graph.onnx_node import Constant, SourceNode, Tensor, Value, normalize_axis, operator

MAX_TRANSPOSE_RANK = 6


@operator("Identity")
def identity(node: SourceNode) -> Value:
    return node.tensor()


@operator("Dropout", limits="inference, one output")
def dropout(node: SourceNode) -> Value:
    training = node.constant(2)
    if training is not None and training.array.any():
        raise ColonnadeError("training mode is not supported; export the model in evaluation mode")
    return node.tensor()


@operator("Cast", limits=f"to {REAL}")
def cast(node: SourceNode) -> Value:
    if node.attributes["to"] != DEFAULT.onnx:
        target = onnx.TensorProto.DataType.Name(node.attributes["to"])
        raise ColonnadeError(f"a cast to {target} is not supported; activations are {REAL}")
    return node.tensor()


@operator("Shape", limits="for the shapes of other operators, not as an output")
def shape(node: SourceNode) -> Value:
    window = slice(node.attributes.get("start", 0), node.attributes.get("end"))
    return Constant(f"{node.name}/shape", np.asarray(node.tensor().shape[window], dtype=np.int64))


@operator("Flatten")
def flatten(node: SourceNode) -> Value:
    x = node.tensor()
    axis = int(node.attributes.get("axis", 1))
    # The axis may be the rank itself: everything into the rows.
    axis = axis if axis == len(x.shape) else normalize_axis(axis, len(x.shape))
    return _reshape(node, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@operator("Reshape", limits="to a constant shape")
def reshape(node: SourceNode) -> Value:
    """0 copies the input's dimension (unless allowzero), -1 takes what is left."""
    x = node.tensor()
    requested = node.integers("shape", index=1, since=5) or ()
    target = list(requested)
    copies = not node.attributes.get("allowzero", 0)
    for i, d in enumerate(target):
        if d == 0 and copies and i < len(x.shape):
            target[i] = x.shape[i]
    if node.rebatch and (*target[:1], *x.shape[:1]) == node.rebatch:
        target[0] = x.shape[0]
    if target.count(-1) == 1:
        known = math.prod(d for d in target if d != -1)
        target[target.index(-1)] = math.prod(x.shape) // known if known else 0
    if math.prod(target) != math.prod(x.shape) or min(target, default=1) < 1:
        raise ColonnadeError(f"shape {list(x.shape)} cannot become {list(requested)}")
    return _reshape(node, x, target)


@operator("Squeeze")
def squeeze(node: SourceNode) -> Value:
    x = node.tensor()
    rank = len(x.shape)
    given = node.integers("axes", index=1, since=13)
    axes = {i for i, d in enumerate(x.shape) if d == 1} if given is None else {normalize_axis(a, rank) for a in given}
    if any(x.shape[a] != 1 for a in axes):
        raise ColonnadeError(f"axes {sorted(axes)} of shape {list(x.shape)} are not all of size 1")
    return _reshape(node, x, [d for i, d in enumerate(x.shape) if i not in axes])


@operator("Unsqueeze")
def unsqueeze(node: SourceNode) -> Value:
    x = node.tensor()
    given = node.integers("axes", index=1, since=13) or ()
    rank = len(x.shape) + len(given)
    axes = {normalize_axis(a, rank) for a in given}
    if len(axes) != len(given):
        raise ColonnadeError(f"axes {list(given)} name one axis twice")
    rest = iter(x.shape)
    return _reshape(node, x, [1 if i in axes else next(rest) for i in range(rank)])


def _reshape(node: SourceNode, x: Tensor, target: list[int] | tuple[int, ...]) -> Tensor:
    return node.emit(Reshape(), [x], target)


@operator("Transpose", limits=f"rank at most {MAX_TRANSPOSE_RANK}")
def transpose(node: SourceNode) -> Value:
    x = node.tensor()
    rank = len(x.shape)
    perm = tuple(int(a) for a in node.attributes.get("perm", reversed(range(rank))))
    if sorted(perm) != list(range(rank)) or rank > MAX_TRANSPOSE_RANK:
        raise ColonnadeError(
            f"perm {list(perm)} of a tensor of rank {rank} is not supported (rank at most {MAX_TRANSPOSE_RANK})"
        )
    return node.emit(Transpose(perm), [x], [x.shape[a] for a in perm])


@operator("Concat")
def concat(node: SourceNode) -> Value:
    tensors = [node.tensor(i) for i in range(len(node.operands))]
    first = tensors[0].shape
    axis = normalize_axis(int(node.attributes["axis"]), len(first))
    if any(t.shape[:axis] != first[:axis] or t.shape[axis + 1 :] != first[axis + 1 :] for t in tensors):
        raise ColonnadeError(f"shapes {[list(t.shape) for t in tensors]} cannot be joined along axis {axis}")
    if len(tensors) == 1:
        return tensors[0]
    return node.emit(Concat(axis), tensors, (*first[:axis], sum(t.shape[axis] for t in tensors), *first[axis + 1 :]))


@operator("Pad", limits="constant padding of H and W at rank 4, not negative")
def pad(node: SourceNode) -> Value:
    """Constant padding of H and W. Pads are an attribute before opset 11; axes may be given from opset 18."""
    x = node.tensor(0)
    mode = node.attributes.get("mode", "constant")
    if mode != "constant":
        raise ColonnadeError(f"mode '{mode}' is not supported, only 'constant'")
    before, after = _pads_per_axis(node, len(x.shape))
    if not any(before) and not any(after):
        return x
    if len(x.shape) != 4 or any((*before[:2], *after[:2])) or min(*before, *after) < 0:
        raise ColonnadeError(
            f"pads {before} before and {after} after are not supported: only H and W of rank 4, none negative"
        )
    pads = (before[2], before[3], after[2], after[3])
    rows, columns = (x.shape[2 + i] + pads[i] + pads[2 + i] for i in (0, 1))
    return node.emit(Pad(pads, _pad_value(node)), [x], (*x.shape[:2], rows, columns))


def _pads_per_axis(node: SourceNode, rank: int) -> tuple[list[int], list[int]]:
    pads = node.integers("pads", index=1, since=11) or ()
    axes_given = node.constant(3)
    axes = list(range(rank)) if axes_given is None else [normalize_axis(int(a), rank) for a in axes_given.array]
    if len(pads) != 2 * len(axes):
        raise ColonnadeError(f"{len(pads)} pads are given for {len(axes)} axes")
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        before[axis], after[axis] = pads[i], pads[i + len(axes)]
    return before, after


def _pad_value(node: SourceNode) -> float:
    if node.opset < 11:
        return float(node.attributes.get("value", 0.0))
    value = node.weights(2)
    return 0.0 if value is None else float(value.array.reshape(()))
