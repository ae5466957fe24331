"""Conv and ConvTranspose, of lines, planes and volumes: all become convolutions of planes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL, Conv, Gather, Reshape
from colonnade.graph.onnx_node import SourceNode, Tensor, Value, operator
from colonnade.graph.onnx_ops.shape import taken, transposed
from colonnade.graph.windows import Axis, Windows, resolve_axes


@operator("Conv", limits="weights and bias are constants", is_heavy=True)
def conv(node: SourceNode) -> Value:
    x = _image(node)
    weights = node.required_weights(1, rank=len(x.shape)).array
    outputs, group_inputs, *kernel = weights.shape
    groups = _groups(node, outputs, x.shape[1], group_inputs, weights.shape)
    _check_kernel(node, weights.shape)
    axes = resolve_axes(node, kernel, x.shape[2:])
    shape = (x.shape[0], outputs, *(axis.output for axis in axes))
    constant = node.constant(1)
    assert constant is not None
    if len(axes) == 2:
        return convolved(node, x, constant, Windows(*axes), groups, _bias(node, outputs))
    if len(axes) == 3:
        x, weights = _depth_as_channels(node, x, weights, axes[0])
    plane = _flat(node, x, (*x.shape[:2], *((1,) if len(axes) == 1 else ()), *x.shape[2:]))
    flat = weights if weights.ndim == 4 else weights[:, :, None]
    windows = Windows(Axis(1, output=1), axes[0]) if len(axes) == 1 else Windows(*axes[1:])
    y = convolved(node, plane, flat, windows, groups, _bias(node, outputs))
    if len(axes) == 1:
        return _flat(node, y, shape)
    apart = _flat(node, y, (shape[0], shape[2], outputs, *shape[3:]))  # the images of y are those of each depth
    return transposed(node, apart, (0, 2, 1, 3, 4))


def convolved(
    node: SourceNode, x: Tensor, weights: Value | np.ndarray, windows: Windows, groups: int, bias: Value | np.ndarray
) -> Tensor:
    """A convolution of planes."""
    array = weights if isinstance(weights, np.ndarray) else weights.array  # type: ignore[union-attr]
    op = Conv(windows.strides, windows.pads, windows.dilations, groups)
    return node.emit(op, [x, weights, bias], (x.shape[0], array.shape[0], *windows.output))


def _image(node: SourceNode) -> Tensor:
    x = node.tensor(0)
    if not 3 <= len(x.shape) <= 5:
        raise ColonnadeError(f"input 0 has shape {list(x.shape)}; it must have rank 3, 4 or 5")
    return x


def _flat(node: SourceNode, x: Tensor, shape: Sequence[int]) -> Tensor:
    return x if x.shape == tuple(shape) else node.emit(Reshape(), [x], shape)


def _groups(node: SourceNode, outputs: int, inputs: int, group_inputs: int, shape: Sequence[int]) -> int:
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or outputs % groups or inputs != group_inputs * groups or 0 in shape:
        raise ColonnadeError(f"weights {list(shape)} in {groups} group(s) do not fit {inputs} input channels")
    return groups


def _check_kernel(node: SourceNode, shape: Sequence[int]) -> None:
    declared = list(node.attributes.get("kernel_shape", shape[2:]))
    if declared != list(shape[2:]):
        raise ColonnadeError(f"attribute kernel_shape is {declared} but the weights are {list(shape)}")


def _bias(node: SourceNode, outputs: int) -> Value | np.ndarray:
    bias = node.weights(2)
    if bias is not None and bias.array.shape != (outputs,):
        raise ColonnadeError(f"bias has shape {list(bias.array.shape)}; it must be [{outputs}]")
    return np.zeros(outputs, REAL) if bias is None else bias


def _depth_as_channels(node: SourceNode, x: Tensor, weights: np.ndarray, depth: Axis) -> tuple[Tensor, np.ndarray]:
    """Planes instead of volumes: what lies behind one another under the kernel becomes channels, and each depth of the
    output an image."""
    n, c, _, h, w = x.shape
    places = depth.places
    indices = tuple(np.where((places >= 0) & (places < depth.size), places, -1).reshape(-1).tolist())
    x = node.emit(Gather(2, indices), [x], (n, c, len(indices), h, w))
    apart = _flat(node, x, (n, c, depth.output, depth.kernel, h, w))
    planes = transposed(node, apart, (0, 2, 1, 3, 4, 5))
    flat = _flat(node, planes, (n * depth.output, c * depth.kernel, h, w))
    return flat, weights.reshape(weights.shape[0], -1, *weights.shape[3:])


@dataclass(frozen=True)
class _Phases:
    """ConvTranspose along one axis, s being its stride: output s * q + p, of phase p, is a sum of elements q + t of the
    input by the weights k with p + before - k * dilation = s * t. So all phases together are one convolution of stride
    1, with the taps `first` .. `first` + `taps` - 1."""

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    output: int

    def taps_of(self, phase: int) -> list[tuple[int, int]]:
        """(t, k) of one phase."""
        found = ((phase + self.before - k * self.dilation, k) for k in range(self.kernel))
        return [(at // self.stride, k) for at, k in found if at % self.stride == 0]

    @property
    def _all(self) -> list[int]:
        return [0, *(t for p in range(self.stride) for t, _ in self.taps_of(p))]

    @property
    def first(self) -> int:
        return min(self._all)

    @property
    def taps(self) -> int:
        return max(self._all) - self.first + 1

    @property
    def axis(self) -> Axis:
        """Of the convolution: padded so that every output is there; there may be more."""
        wanted = -(-self.output // self.stride)
        after = max(0, wanted - 1 + self.taps - self.size + self.first)
        return Axis(
            self.size,
            self.taps,
            before=-self.first,
            after=after,
            output=self.size - self.first + after - self.taps + 1,
        )


@operator("ConvTranspose", limits="weights and bias are constants; lines and planes", is_heavy=True)
def conv_transpose(node: SourceNode) -> Value:
    """One convolution that computes all phases of the output as channels, and the phases put side by side. Phases have
    no weights where other phases have some: columns of zeros, as pruning makes them."""
    x = node.tensor(0)
    if len(x.shape) not in (3, 4):
        raise ColonnadeError(f"input 0 has shape {list(x.shape)}; it must have rank 3 or 4")
    weights = node.required_weights(1, rank=len(x.shape)).array
    inputs, group_outputs = weights.shape[:2]
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or inputs % groups or inputs != x.shape[1] or 0 in weights.shape:
        raise ColonnadeError(f"weights {list(weights.shape)} in {groups} group(s) do not fit input {list(x.shape)}")
    _check_kernel(node, weights.shape)
    phases = _transposed_axes(node, weights.shape[2:], x.shape[2:])
    outputs = groups * group_outputs
    shape = (x.shape[0], outputs, *(phase.output for phase in phases))
    bias = _bias(node, outputs)
    flat = bias if isinstance(bias, np.ndarray) else bias.array  # type: ignore[union-attr]
    if len(phases) == 1:
        x, weights = _flat(node, x, (*x.shape[:2], 1, x.shape[2])), weights[:, :, None]
        phases = (_Phases(1, 1, 1, 1, 0, 1), *phases)
    return _flat(node, _by_phases(node, x, weights, groups, phases, flat), shape)


def _by_phases(
    node: SourceNode, x: Tensor, weights: np.ndarray, groups: int, phases: Sequence[_Phases], bias: np.ndarray
) -> Tensor:
    down, along = phases
    inputs, group_outputs = weights.shape[0] // groups, weights.shape[1]
    apart = weights.reshape(groups, inputs, group_outputs, *weights.shape[2:])
    made = np.zeros((groups, down.stride, along.stride, group_outputs, inputs, down.taps, along.taps), REAL)
    for p in range(down.stride):
        for q in range(along.stride):
            for t, i in down.taps_of(p):
                for u, j in along.taps_of(q):
                    made[:, p, q, :, :, t - down.first, u - along.first] += apart[:, :, :, i, j].transpose(0, 2, 1)
    rows = made.reshape(-1, inputs, down.taps, along.taps)
    shift = np.repeat(bias.reshape(groups, 1, group_outputs), down.stride * along.stride, axis=1).reshape(-1)
    y = convolved(node, x, rows, Windows(down.axis, along.axis), groups, shift)
    n, _, h, w = y.shape
    sides = down.stride, along.stride
    if sides != (1, 1):
        split = node.emit(Reshape(), [y], (n, groups, *sides, group_outputs, h, w))
        joined = transposed(node, split, (0, 1, 4, 5, 2, 6, 3))
        y = node.emit(Reshape(), [joined], (n, groups * group_outputs, h * sides[0], w * sides[1]))
    return taken(node, y, [range(n), range(y.shape[1]), range(down.output), range(along.output)])


def _transposed_axes(node: SourceNode, kernel: Sequence[int], sizes: Sequence[int]) -> tuple[_Phases, ...]:
    """Sizes of the output by the attributes output_shape, output_padding, auto_pad and pads."""
    rank = len(sizes)

    def numbers(name: str, default: int) -> list[int]:
        values = [int(v) for v in node.attributes.get(name, (default,) * rank)]
        if len(values) != rank or min(values) < default:
            raise ColonnadeError(f"attribute {name} is {values}; it must be {rank} integers from {default} on")
        return values

    strides, dilations, extra = numbers("strides", 1), numbers("dilations", 1), numbers("output_padding", 0)
    pads = [int(v) for v in node.attributes.get("pads", (0,) * 2 * rank)]
    if len(pads) != 2 * rank or min(pads) < 0:
        raise ColonnadeError(f"attribute pads is {pads}; it must be {2 * rank} integers, none negative")
    auto_pad, wanted = node.attributes.get("auto_pad", "NOTSET"), node.attributes.get("output_shape")
    found = []
    for i in range(rank):
        full = strides[i] * (sizes[i] - 1) + extra[i] + (kernel[i] - 1) * dilations[i] + 1
        before, output = pads[i], full - pads[i] - pads[i + rank]
        if wanted is not None or auto_pad.startswith("SAME"):
            total = max(0, full - (sizes[i] * strides[i] if wanted is None else int(wanted[i - rank])))
            before = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
            output = full - total if wanted is None else int(wanted[i - rank])
        if output < 1 or output > 2**14 or math.prod(strides) > 2**10:
            raise ColonnadeError(f"an output of {output} elements along axis {i} is not possible")
        found.append(_Phases(sizes[i], kernel[i], strides[i], dilations[i], before, output))
    return tuple(found)
