"""The data matrix of a convolution at chosen output positions."""

from __future__ import annotations

import numpy as np

from colonnade.graph.ir import Conv


def output_size(op: Conv, kernel: tuple[int, ...], plane: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of what a convolution makes of a plane of H x W."""
    padded = (plane[0] + op.pads[0] + op.pads[2], plane[1] + op.pads[1] + op.pads[3])
    sizes = [
        (p - (k - 1) * d - 1) // s + 1 for p, k, d, s in zip(padded, kernel, op.dilations, op.strides, strict=True)
    ]
    return sizes[0], sizes[1]


def im2col(op: Conv, kernel: tuple[int, ...], x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The data matrix of x [n, Cin, H, W] at the given output positions, counted row by row, transposed:
    [groups, n * positions, K]. Its columns are in the order kh, kw, Cin/groups: whole pixels are copied."""
    top, left, bottom, right = op.pads
    count, channels, height, width = x.shape
    padded = np.zeros((count, top + height + bottom, left + width + right, channels), x.dtype)
    padded[:, top : top + height, left : left + width] = x.transpose(0, 2, 3, 1)
    y, x0 = np.divmod(positions, output_size(op, kernel, (height, width))[1])
    rows = y[:, np.newaxis] * op.strides[0] + np.arange(kernel[0]) * op.dilations[0]
    columns = x0[:, np.newaxis] * op.strides[1] + np.arange(kernel[1]) * op.dilations[1]
    pixels = rows[:, :, np.newaxis] * padded.shape[2] + columns[:, np.newaxis, :]  # [positions, kh, kw]
    found = padded.reshape(count, -1, channels).take(pixels.reshape(-1), axis=1)
    grouped = found.reshape(count * len(positions), -1, op.groups, channels // op.groups)
    result: np.ndarray = grouped.transpose(2, 0, 1, 3).reshape(op.groups, count * len(positions), -1)
    return result


def places(weights: np.ndarray) -> np.ndarray:
    """Where im2col puts each column of weights [Cout, Cin/groups, kh, kw] in ONNX order: i64 [K]."""
    _, channels, *kernel = weights.shape
    places: np.ndarray = np.arange(weights[0].size).reshape(*kernel, channels).transpose(2, 0, 1).reshape(-1)
    return places
