"""Sliding windows of convolutions and pools: ONNX attributes to explicit pads and output sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_node import SourceNode

MAX_SIDE = 2**14  # of a padded plane; far above any image, so that a damaged file cannot ask for absurd work

SAME = ("SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Windows:
    """Windows over a plane of H x W. pads = (top, left, bottom, right); output = (rows, columns) of windows."""

    plane: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    output: tuple[int, int]

    @property
    def has_empty(self) -> bool:
        """Whether some window lies in the padding alone, with no element of the plane."""
        return any(self._has_empty_along(axis) for axis in (0, 1))

    def _has_empty_along(self, axis: int) -> bool:
        starts = np.arange(self.output[axis]) * self.strides[axis] - self.pads[axis]
        first = np.maximum(-(starts // self.dilations[axis]), 0)  # the tap from which on they are not before the plane
        inside = (first < self.kernel[axis]) & (starts + first * self.dilations[axis] < self.plane[axis])
        return not inside.all()


def resolve_windows(node: SourceNode, kernel: tuple[int, int], plane: tuple[int, int]) -> Windows:
    """Read strides, dilations, pads, auto_pad and ceil_mode for windows over a plane of H x W.

    Follows the ONNX specification of Conv and MaxPool: SAME_UPPER puts the odd padding at the end, SAME_LOWER at the
    beginning, and with ceil_mode a last window that would start in the right padding is left out. Dilated windows
    with SAME padding are refused: ONNX Runtime does not run them as the specification says.
    """
    strides = _pair(node, "strides")
    dilations = _pair(node, "dilations")
    auto_pad = node.attributes.get("auto_pad", "NOTSET")
    if auto_pad not in (*SAME, "VALID", "NOTSET"):
        raise ColonnadeError(f"attribute auto_pad is '{auto_pad}', which is unknown")
    if auto_pad in SAME and dilations != (1, 1):
        raise ColonnadeError(f"auto_pad {auto_pad} with dilations is not supported; export explicit pads")
    axes = [
        _resolve_axis(node, auto_pad, axis, plane[axis], kernel[axis], strides[axis], dilations[axis])
        for axis in (0, 1)
    ]
    (top, bottom, rows), (left, right, columns) = axes
    if max(plane[0] + top + bottom, plane[1] + left + right) > MAX_SIDE:
        raise ColonnadeError(f"pads {[top, left, bottom, right]} are too large; a padded side is at most {MAX_SIDE}")
    if rows < 1 or columns < 1:
        raise ColonnadeError(f"a {kernel[0]}x{kernel[1]} window does not fit its input of {plane[0]}x{plane[1]}")
    return Windows(plane, kernel, strides, (top, left, bottom, right), dilations, (rows, columns))


def _pair(node: SourceNode, name: str) -> tuple[int, int]:
    values = tuple(int(v) for v in node.attributes.get(name, (1, 1)))
    if len(values) != 2 or min(values) < 1:
        raise ColonnadeError(f"attribute {name} is {list(values)}; it must be two positive integers")
    return values[0], values[1]


def _resolve_axis(
    node: SourceNode, auto_pad: str, axis: int, size: int, kernel: int, stride: int, dilation: int
) -> tuple[int, int, int]:
    """(pad before, pad after, number of windows) along one axis."""
    extent = (kernel - 1) * dilation + 1
    if auto_pad in SAME:
        count = -(-size // stride)
        total = max(0, (count - 1) * stride + extent - size)
        small, large = total // 2, total - total // 2
        return (small, large, count) if auto_pad == "SAME_UPPER" else (large, small, count)
    before, after = (0, 0) if auto_pad == "VALID" else _explicit_pads(node, axis)
    room = size + before + after - extent
    if not node.attributes.get("ceil_mode", 0):
        return before, after, room // stride + 1
    count = -(-room // stride) + 1
    if (count - 1) * stride >= size + before:
        count -= 1
    return before, after, count


def _explicit_pads(node: SourceNode, axis: int) -> tuple[int, int]:
    pads = tuple(int(v) for v in node.attributes.get("pads", (0, 0, 0, 0)))
    if len(pads) != 4 or min(pads) < 0:
        raise ColonnadeError(f"attribute pads is {list(pads)}; it must be four integers, none negative")
    return pads[axis], pads[axis + 2]
