"""Sliding windows of convolutions and pools: ONNX attributes to explicit pads and output sizes."""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.errors import ColonnadeError
from colonnade.graph.lowering import SourceNode


@dataclass(frozen=True)
class Windows:
    """Windows over a plane. pads = (top, left, bottom, right); output = (rows, columns) of windows."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    output: tuple[int, int]


def resolve_windows(node: SourceNode, kernel: tuple[int, int], plane: tuple[int, int]) -> Windows:
    """Read strides, dilations, pads, auto_pad and ceil_mode for windows over a plane of H x W.

    Follows the ONNX specification of Conv and MaxPool: SAME_UPPER puts the odd padding at the end, SAME_LOWER at the
    beginning, and with ceil_mode a last window that would start in the right padding is left out.
    """
    strides = _pair(node, "strides")
    dilations = _pair(node, "dilations")
    auto_pad = node.attributes.get("auto_pad", "NOTSET")
    axes = [
        _resolve_axis(node, auto_pad, axis, plane[axis], kernel[axis], strides[axis], dilations[axis])
        for axis in (0, 1)
    ]
    (top, bottom, rows), (left, right, columns) = axes
    if rows < 1 or columns < 1:
        raise ColonnadeError(f"a {kernel[0]}x{kernel[1]} window does not fit its input of {plane[0]}x{plane[1]}")
    return Windows(kernel, strides, (top, left, bottom, right), dilations, (rows, columns))


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
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
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
