"""Sliding windows of convolutions and pools: ONNX attributes to explicit pads and output sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_node import SourceNode

MAX_PAD = 2**14  # far above any image's, so that a damaged file cannot ask for absurd work

SAME = ("SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Axis:
    """Windows along one axis of `size` elements, with padding before and after it; output: how many windows."""

    size: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    output: int = 0

    @property
    def places(self) -> np.ndarray:
        """[output, kernel]: the elements that each window covers, as if padding were before 0 and from `size` on."""
        starts = np.arange(self.output) * self.stride - self.before
        found: np.ndarray = starts[:, None] + np.arange(self.kernel) * self.dilation
        return found

    @property
    def reach_after(self) -> int:
        """The padding after the image that the last window needs, negative if it ends inside."""
        return (self.output - 1) * self.stride - self.before + (self.kernel - 1) * self.dilation + 1 - self.size

    @property
    def has_empty(self) -> bool:
        """Whether some window lies in the padding alone."""
        starts = np.arange(self.output) * self.stride - self.before
        first = np.maximum(-(starts // self.dilation), 0)  # the tap from which on they are not before the image
        inside = (first < self.kernel) & (starts + first * self.dilation < self.size)
        return not inside.all()


@dataclass(frozen=True)
class Windows:
    """Windows over a plane."""

    down: Axis
    along: Axis

    @property
    def kernel(self) -> tuple[int, int]:
        return self.down.kernel, self.along.kernel

    @property
    def strides(self) -> tuple[int, int]:
        return self.down.stride, self.along.stride

    @property
    def dilations(self) -> tuple[int, int]:
        return self.down.dilation, self.along.dilation

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right)."""
        return self.down.before, self.along.before, self.down.after, self.along.after

    @property
    def output(self) -> tuple[int, int]:
        return self.down.output, self.along.output


def resolve_axes(node: SourceNode, kernel: Sequence[int], sizes: Sequence[int]) -> tuple[Axis, ...]:
    """Read strides, dilations, pads, auto_pad and ceil_mode for windows over an image of these sizes.

    Follows the ONNX specification of Conv and MaxPool: SAME_UPPER puts the odd padding at the end, SAME_LOWER at the
    beginning, and with ceil_mode a last window that would start in the right padding is left out. Dilated windows with
    SAME padding are refused: ONNX Runtime does not run them as the specification says.
    """
    if len(kernel) != len(sizes) or min(kernel, default=0) < 1:
        raise ColonnadeError(f"a kernel of {list(kernel)} does not fit an image of {list(sizes)}")
    strides, dilations = (_numbers(node, name, len(sizes)) for name in ("strides", "dilations"))
    auto_pad = node.attributes.get("auto_pad", "NOTSET")
    pads = _explicit_pads(node, len(sizes)) if auto_pad not in (*SAME, "VALID") else (0,) * 2 * len(sizes)
    if auto_pad not in (*SAME, "VALID", "NOTSET"):
        raise ColonnadeError(f"attribute auto_pad is '{auto_pad}', which is unknown")
    if auto_pad in SAME and any(d > 1 for d in dilations):
        raise ColonnadeError(f"auto_pad {auto_pad} with dilations is not supported; export explicit pads")
    found = tuple(
        _resolve_axis(
            Axis(size, kernel[i], strides[i], dilations[i], pads[i], pads[i + len(sizes)]),
            auto_pad,
            bool(node.attributes.get("ceil_mode", 0)),
        )
        for i, size in enumerate(sizes)
    )
    for axis in found:
        if max(axis.before, axis.after) > MAX_PAD:
            raise ColonnadeError(f"pads {list(pads)} are too large; one is at most {MAX_PAD}")
        if axis.output < 1:
            window, image = ("x".join(map(str, v)) for v in (kernel, sizes))
            raise ColonnadeError(f"a {window} window does not fit its input of {image}")
    return found


def resolve_windows(node: SourceNode, kernel: Sequence[int], plane: Sequence[int]) -> Windows:
    """The windows over a plane of H x W, or over a line, which is a plane of one line."""
    axes = resolve_axes(node, kernel, plane)
    if len(axes) == 1:
        return Windows(Axis(1, output=1), axes[0])
    return Windows(*axes)


def _numbers(node: SourceNode, name: str, count: int) -> tuple[int, ...]:
    values = tuple(int(v) for v in node.attributes.get(name, (1,) * count))
    if len(values) != count or min(values) < 1:
        raise ColonnadeError(f"attribute {name} is {list(values)}; it must be {count} positive integers")
    return values


def _resolve_axis(axis: Axis, auto_pad: str, ceil: bool) -> Axis:
    """With its padding, if that is automatic, and its number of windows."""
    extent = (axis.kernel - 1) * axis.dilation + 1
    if auto_pad in SAME:
        count = -(-axis.size // axis.stride)
        total = max(0, (count - 1) * axis.stride + extent - axis.size)
        small, large = total // 2, total - total // 2
        before, after = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
        return replace(axis, before=before, after=after, output=count)
    room = axis.size + axis.before + axis.after - extent
    if not ceil:
        return replace(axis, output=room // axis.stride + 1)
    count = -(-room // axis.stride) + 1
    if (count - 1) * axis.stride >= axis.size + axis.before:
        count -= 1
    return replace(axis, output=count)


def _explicit_pads(node: SourceNode, axes: int) -> tuple[int, ...]:
    pads = tuple(int(v) for v in node.attributes.get("pads", (0,) * 2 * axes))
    if len(pads) != 2 * axes or min(pads) < 0:
        raise ColonnadeError(f"attribute pads is {list(pads)}; it must be {2 * axes} integers, none negative")
    return pads
