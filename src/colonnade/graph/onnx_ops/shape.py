"""Operators that move, join or describe values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx.helper

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import (
    IDENTITY,
    REAL,
    Act,
    Concat,
    Expand,
    Gather,
    Map,
    Pad,
    Reshape,
    Slice,
    Transpose,
)
from colonnade.graph.onnx_node import (
    BOOL,
    MAX_ELEMENTS,
    Constant,
    SourceNode,
    Tensor,
    Value,
    normalize_axis,
    operator,
    shape_of,
)
from colonnade.graph.onnx_ops.elementwise import as_reals


@operator("Identity")
def identity(node: SourceNode) -> Value:
    return node.tensor(any_type=True)


@operator("Dropout", limits="inference, one output")
def dropout(node: SourceNode) -> Value:
    training = node.constant(2)
    if training is not None and training.array.any():
        raise ColonnadeError("training mode is not supported; export the model in evaluation mode")
    return node.tensor(any_type=True)


def cast_node(name: str, output: str, elem_type: int) -> onnx.NodeProto:
    """A node that casts a value, to an onnx.TensorProto.DataType."""
    return onnx.helper.make_node("Cast", [name], [output], to=elem_type)


@operator("Cast", limits="between real numbers, truth values and integers of 32 bits and more")
def cast(node: SourceNode) -> Value:
    return _cast(node, onnx.helper.tensor_dtype_to_np_dtype(int(node.attributes["to"])))


@operator("CastLike", limits="as Cast")
def cast_like(node: SourceNode) -> Value:
    like, constant = node.operand(1), node.operand(0)
    if isinstance(constant, Constant) and isinstance(like, Tensor):
        return Constant(constant.name, constant.array.astype(like.dtype))
    return _cast(node, like.dtype if isinstance(like, Tensor) else node.required(1).array.dtype)


def _cast(node: SourceNode, dtype: np.dtype[Any]) -> Value:
    """A value of the graph stays the number that it is; what the type cannot hold is cut off."""
    x = node.tensor(any_type=True)
    if dtype.kind == "f" or (x.dtype == BOOL and dtype.kind in "iu") or dtype == x.dtype:
        return node.emit(Act(IDENTITY), [x], x.shape, REAL if dtype.kind == "f" else dtype)
    if dtype == BOOL:
        return node.emit(Map("x0 != 0"), [x], x.shape, BOOL)
    if dtype in (np.int32, np.int64):
        return node.emit(Map("trunc(x0)"), [x], x.shape, dtype)
    raise ColonnadeError(f"a cast from {x.dtype} to {dtype} is not supported")


@operator("Shape", limits="for the shapes of other operators, not as an output")
def shape(node: SourceNode) -> Value:
    window = slice(node.attributes.get("start", 0), node.attributes.get("end"))
    return Constant(f"{node.name}/shape", np.asarray(node.tensor(any_type=True).shape[window], dtype=np.int64))


@operator("Flatten")
def flatten(node: SourceNode) -> Value:
    x = node.tensor(any_type=True)
    axis = int(node.attributes.get("axis", 1))
    # The axis may be the rank itself: everything into the rows.
    axis = axis if axis == len(x.shape) else normalize_axis(axis, len(x.shape))
    return _reshape(node, x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@operator("Reshape", limits="to a constant shape")
def reshape(node: SourceNode) -> Value:
    """0 copies the input's dimension (unless allowzero), -1 takes what is left."""
    x = node.tensor(any_type=True)
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
    x = node.tensor(any_type=True)
    rank = len(x.shape)
    given = node.integers("axes", index=1, since=13)
    axes = {i for i, d in enumerate(x.shape) if d == 1} if given is None else {normalize_axis(a, rank) for a in given}
    if any(x.shape[a] != 1 for a in axes):
        raise ColonnadeError(f"axes {sorted(axes)} of shape {list(x.shape)} are not all of size 1")
    return _reshape(node, x, [d for i, d in enumerate(x.shape) if i not in axes])


@operator("Unsqueeze")
def unsqueeze(node: SourceNode) -> Value:
    x = node.tensor(any_type=True)
    given = node.integers("axes", index=1, since=13) or ()
    rank = len(x.shape) + len(given)
    axes = {normalize_axis(a, rank) for a in given}
    if len(axes) != len(given):
        raise ColonnadeError(f"axes {list(given)} name one axis twice")
    rest = iter(x.shape)
    return _reshape(node, x, [1 if i in axes else next(rest) for i in range(rank)])


def _reshape(node: SourceNode, x: Tensor, target: list[int] | tuple[int, ...]) -> Tensor:
    return node.emit(Reshape(), [x], target, x.dtype)


@operator("Transpose")
def transpose(node: SourceNode) -> Value:
    x = node.tensor(any_type=True)
    rank = len(x.shape)
    perm = tuple(int(a) for a in node.attributes.get("perm", reversed(range(rank))))
    if sorted(perm) != list(range(rank)):
        raise ColonnadeError(f"perm {list(perm)} does not fit a tensor of rank {rank}")
    return transposed(node, x, perm)


def transposed(node: SourceNode, x: Tensor, perm: Sequence[int]) -> Tensor:
    """x with its axes in another order."""
    return node.emit(Transpose(tuple(perm)), [x], [x.shape[a] for a in perm], x.dtype)


@operator("Concat")
def concat(node: SourceNode) -> Value:
    values = [_part(node, i) for i in range(len(node.operands))]
    first, shapes = values[0], [shape_of(value) for value in values]
    axis = normalize_axis(int(node.attributes["axis"]), len(shapes[0]))
    outside = [(shape[:axis], shape[axis + 1 :], len(shape)) for shape in shapes]
    if any(other != outside[0] for other in outside):
        raise ColonnadeError(f"shapes {[list(shape) for shape in shapes]} cannot be joined along axis {axis}")
    values = [value for value, shape in zip(values, shapes, strict=True) if shape[axis]]
    dtype = next((value.dtype for value in values if isinstance(value, Tensor)), REAL)
    if len(values) == 1 and isinstance(first, Tensor):
        return first
    size = sum(shape[axis] for shape in shapes)
    return node.emit(Concat(axis), values, (*shapes[0][:axis], size, *shapes[0][axis + 1 :]), dtype)


def _part(node: SourceNode, index: int) -> Value:
    return (
        node.tensor(index, any_type=True) if isinstance(node.operand(index), Tensor) else as_reals(node.required(index))
    )


@operator("Slice", limits="along constant ranges")
def slice_(node: SourceNode) -> Value:
    """Ranges are attributes before opset 10, then inputs."""
    x = node.tensor(any_type=True)
    rank = len(x.shape)
    starts, ends = node.integers("starts", 1, since=10) or (), node.integers("ends", 2, since=10) or ()
    axes = node.integers("axes", 3, since=10) or tuple(range(len(starts)))
    steps = (node.integers("steps", 4, since=10) if node.opset >= 10 else None) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise ColonnadeError(
            f"starts {list(starts)}, ends {list(ends)}, axes {list(axes)}, steps {list(steps)} do not fit"
        )
    ranges = [range(size) for size in x.shape]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        at = normalize_axis(axis, rank)
        ranges[at] = range(*slice(start, None if step < 0 and end < -x.shape[at] else end, step).indices(x.shape[at]))
    return taken(node, x, ranges)


def taken(node: SourceNode, x: Tensor, ranges: Sequence[range]) -> Tensor:
    """The elements of x at `ranges`, one for each axis: those that run backwards axis by axis."""
    if any(not len(r) for r in ranges):
        raise ColonnadeError("nothing is left of its input")
    for axis, r in enumerate(ranges):
        if r.step < 0:
            shape = (*x.shape[:axis], len(r), *x.shape[axis + 1 :])
            x = node.emit(Gather(axis, tuple(r)), [x], shape, x.dtype)
    forward = [range(len(r)) if r.step < 0 else r for r in ranges]
    if all(r == range(size) for r, size in zip(forward, x.shape, strict=True)):
        return x
    op = Slice(tuple(r.start for r in forward), tuple(r.step for r in forward))
    return node.emit(op, [x], [len(r) for r in forward], x.dtype)


@operator("Split")
def split(node: SourceNode) -> tuple[Value, ...]:
    x = node.tensor(any_type=True)
    axis = normalize_axis(int(node.attributes.get("axis", 0)), len(x.shape))
    size, parts = x.shape[axis], int(node.attributes.get("num_outputs", node.outputs))
    sizes = node.integers("split", 1, since=13)
    if sizes is None:
        most = -(-size // parts)
        sizes = tuple(min(most, size - i * most) for i in range(parts))
    if sum(sizes) != size or min(sizes, default=0) < 1:
        raise ColonnadeError(f"{size} elements cannot be split into {list(sizes)}")
    ends = np.cumsum(sizes).tolist()
    whole = [range(n) for n in x.shape]
    return tuple(
        taken(node, x, [*whole[:axis], range(end - n, end), *whole[axis + 1 :]])
        for n, end in zip(sizes, ends, strict=True)
    )


@operator("Gather", limits="constant indices")
def gather(node: SourceNode) -> Value:
    x = node.tensor(any_type=True)
    axis = normalize_axis(int(node.attributes.get("axis", 0)), len(x.shape))
    indices, size = node.required(1).array, x.shape[axis]
    if indices.size and not -size <= indices.min() <= indices.max() < size:
        raise ColonnadeError(f"indices {indices.min()} to {indices.max()} are outside an axis of {size}")
    found = tuple(int(i) % size for i in indices.reshape(-1))
    step = found[1] - found[0] if len(found) > 1 else 1
    if found and step and found == tuple(range(found[0], found[0] + step * len(found), step)):
        whole = [range(n) for n in x.shape]
        y = taken(
            node, x, [*whole[:axis], range(found[0], found[-1] + (1 if step > 0 else -1), step), *whole[axis + 1 :]]
        )
    else:
        y = node.emit(Gather(axis, found), [x], (*x.shape[:axis], len(found), *x.shape[axis + 1 :]), x.dtype)
    return y if indices.ndim == 1 else _reshape(node, y, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


@operator("Expand", limits="to a constant shape")
def expand(node: SourceNode) -> Value:
    x = node.tensor(any_type=True)
    wanted = tuple(int(d) for d in node.required(1).array.reshape(-1))
    try:
        shape = np.broadcast_shapes(x.shape, wanted)
    except ValueError:
        raise ColonnadeError(f"shape {list(x.shape)} cannot be expanded to {list(wanted)}") from None
    return _expand(node, _reshape(node, x, (*(1,) * (len(shape) - len(x.shape)), *x.shape)), shape)


def _expand(node: SourceNode, x: Tensor, shape: Sequence[int]) -> Tensor:
    return node.emit(Expand(), [x], shape, x.dtype)


@operator("Tile", limits="constant repeats")
def tile(node: SourceNode) -> Value:
    x = node.tensor(any_type=True)
    repeats = tuple(int(r) for r in node.required(1).array.reshape(-1))
    if len(repeats) != len(x.shape) or min(repeats, default=1) < 1:
        raise ColonnadeError(f"repeats {list(repeats)} do not fit shape {list(x.shape)}")
    for axis, repeat in enumerate(repeats):
        if repeat > 1:
            before, after = x.shape[:axis], x.shape[axis + 1 :]
            apart = _reshape(node, x, (math.prod(before), 1, math.prod(x.shape[axis:])))
            repeated = _expand(node, apart, (apart.shape[0], repeat, apart.shape[2]))
            x = _reshape(node, repeated, (*before, repeat * x.shape[axis], *after))
    return x


@operator("DepthToSpace")
def depth_to_space(node: SourceNode) -> Value:
    x, b = node.tensor(0, rank=4), int(node.attributes["blocksize"])
    n, c, h, w = x.shape
    if b < 1 or c % (b * b):
        raise ColonnadeError(f"blocks of {b}x{b} do not fit {c} channels")
    if node.attributes.get("mode", "DCR") == "CRD":
        apart, perm = (n, c // (b * b), b, b, h, w), (0, 1, 4, 2, 5, 3)
    else:
        apart, perm = (n, b, b, c // (b * b), h, w), (0, 3, 4, 1, 5, 2)
    return _reshape(node, transposed(node, _reshape(node, x, apart), perm), (n, c // (b * b), h * b, w * b))


@operator("SpaceToDepth")
def space_to_depth(node: SourceNode) -> Value:
    x, b = node.tensor(0, rank=4), int(node.attributes["blocksize"])
    n, c, h, w = x.shape
    if b < 1 or h % b or w % b:
        raise ColonnadeError(f"blocks of {b}x{b} do not fit a plane of {h}x{w}")
    apart = _reshape(node, x, (n, c, h // b, b, w // b, b))
    perm = (0, 1, 3, 5, 2, 4) if node.attributes.get("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    return _reshape(node, transposed(node, apart, perm), (n, c * b * b, h // b, w // b))


@operator("Pad", limits="constant pads")
def pad(node: SourceNode) -> Value:
    """Pads are an attribute before opset 11; axes may be given from opset 18. Negative pads cut off."""
    x = node.tensor(0, any_type=True)
    mode = node.attributes.get("mode", "constant")
    before, after = _pads_per_axis(node, len(x.shape))
    kept = [range(max(0, -b), n - max(0, -a)) for b, a, n in zip(before, after, x.shape, strict=True)]
    x = taken(node, x, kept)
    before, after = [max(0, b) for b in before], [max(0, a) for a in after]
    if mode != "constant":
        for axis, pads in enumerate(zip(before, after, strict=True)):
            if any(pads):
                x = _gathered(node, x, axis, _reflected(mode, x.shape[axis], *pads))
        return x
    if not any(before) and not any(after):
        return x
    shape = [b + n + a for b, n, a in zip(before, x.shape, after, strict=True)]
    return node.emit(Pad(tuple(before), tuple(after), _pad_value(node)), [x], shape, x.dtype)


def _gathered(node: SourceNode, x: Tensor, axis: int, indices: tuple[int, ...]) -> Tensor:
    return node.emit(Gather(axis, indices), [x], (*x.shape[:axis], len(indices), *x.shape[axis + 1 :]), x.dtype)


def _reflected(mode: str, size: int, before: int, after: int) -> tuple[int, ...]:
    """Where each element of a padded axis comes from."""
    if size + before + after > MAX_ELEMENTS:
        raise ColonnadeError(f"pads {before} and {after} are too large")
    at = np.arange(-before, size + after)
    match mode:
        case "edge":
            found = np.clip(at, 0, size - 1)
        case "wrap":
            found = at % size
        case "reflect":
            period = max(1, 2 * (size - 1))
            found = np.abs((at + size - 1) % period - (size - 1)) if size > 1 else np.zeros_like(at)
        case _:
            raise ColonnadeError(f"mode '{mode}' is not known")
    return tuple(found.tolist())


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
