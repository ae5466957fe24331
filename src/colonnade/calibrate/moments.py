"""First and second moments of a convolution's data, over sampled images and positions.

X is what im2col would build of the pruned network's input, Y what the dense network's convolution makes of its own
input, without bias. A position is one output pixel of one image: a column of X [K, P] and of Y [rows, P].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Conv

# Elements of X in memory at a time.
_CHUNK = 2**24
# Of a layer's largest gain: what is below cannot make up for a difference on the residual connection.
_LEAST_GAIN = 0.01


@dataclass(frozen=True)
class Moments:
    """Of one group of a convolution, all float64.

    mean_x [K], mean_y [rows]; cov_xx [K, K], cov_yx [rows, K], var_y [rows]: covariances per position.
    """

    mean_x: np.ndarray
    mean_y: np.ndarray
    cov_xx: np.ndarray
    cov_yx: np.ndarray
    var_y: np.ndarray


@dataclass(frozen=True)
class Data:
    """What a convolution sees on the samples, f32 [N, channels, H, W] in either network: its input, and what a residual
    connection adds to `gain` [Cout] times its output."""

    dense: np.ndarray
    pruned: np.ndarray
    skip_dense: np.ndarray | None = None
    skip_pruned: np.ndarray | None = None
    gain: np.ndarray | None = None


def collect(op: Conv, weights: np.ndarray, data: Data, positions: int, seed: int) -> tuple[Moments, ...]:
    """Moments of each group of a convolution with dense weights f32 [Cout, Cin/groups, kh, kw].

    With a residual connection Y also makes up for what the pruned network adds there differently. About `positions`
    positions are used, or 16 K where that is more, the same number of each image, chosen by `seed`. ColonnadeError for
    inputs that are not finite.
    """
    kernel, columns, count = weights.shape[2:], weights[0].size, len(data.pruned)
    height, width = output_size(op, kernel, data.pruned.shape[2:])
    each = min(height * width, -(-max(positions, 16 * columns) // count))
    rng = np.random.default_rng(seed)
    sums = [_Sums(len(weights) // op.groups, columns) for _ in range(op.groups)]
    places = _places(weights)
    matrices = weights.reshape(op.groups, -1, columns)[:, :, np.argsort(places)].transpose(0, 2, 1)
    images = max(1, _CHUNK // (each * columns * op.groups))
    for start in range(0, count, images):
        part = slice(start, start + images)
        chosen = np.sort(rng.permutation(height * width)[:each])
        x = im2col(op, kernel, _finite(data.pruned, part), chosen)
        y = np.matmul(im2col(op, kernel, _finite(data.dense, part), chosen), matrices)
        y += _made_up(data, part, chosen, y.shape)
        for sums_of_group, x_of_group, y_of_group in zip(sums, x, y, strict=True):
            sums_of_group.add(x_of_group, y_of_group)
    return tuple(sums_of_group.moments(places) for sums_of_group in sums)


def _made_up(data: Data, part: slice, positions: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What the output of some samples should be more than in the dense network so that, after the residual addition,
    the sum is the same: [groups, samples * positions, rows]. Nothing for channels that hardly get there."""
    if data.skip_dense is None or data.skip_pruned is None or data.gain is None:
        return np.zeros(shape, np.float32)
    difference = _finite(data.skip_dense, part) - _finite(data.skip_pruned, part)
    chosen = difference.reshape(*difference.shape[:2], -1)[:, :, positions]
    heard = np.abs(data.gain) > _LEAST_GAIN * np.abs(data.gain).max()
    inverse = np.divide(1, data.gain, out=np.zeros(len(data.gain)), where=heard).astype(np.float32)
    flat = (chosen * inverse[:, np.newaxis]).transpose(0, 2, 1).reshape(shape[1], shape[0], shape[2])
    result: np.ndarray = flat.transpose(1, 0, 2)
    return result


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


def _places(weights: np.ndarray) -> np.ndarray:
    """Where im2col puts each column of weights [Cout, Cin/groups, kh, kw] in ONNX order: i64 [K]."""
    _, channels, *kernel = weights.shape
    places: np.ndarray = np.arange(weights[0].size).reshape(*kernel, channels).transpose(2, 0, 1).reshape(-1)
    return places


class _Sums:
    """Sums over positions, each chunk's products in f32 and all else in float64."""

    def __init__(self, rows: int, columns: int) -> None:
        self._count = 0
        self._x, self._y, self._yy = np.zeros(columns), np.zeros(rows), np.zeros(rows)
        self._xx, self._yx = np.zeros((columns, columns)), np.zeros((rows, columns))
        self._shift: np.ndarray | None = None

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """x [positions, K], y [positions, rows]."""
        if self._shift is None:
            self._shift = x.mean(axis=0)
        # Near zero mean nothing is lost to cancellation when the means are taken out at the end.
        x = x - self._shift
        self._count += len(x)
        self._x += x.sum(axis=0, dtype=np.float64)
        self._y += y.sum(axis=0, dtype=np.float64)
        self._yy += np.square(y, dtype=np.float64).sum(axis=0)
        self._xx += x.T @ x
        self._yx += y.T @ x

    def moments(self, places: np.ndarray) -> Moments:
        """With column k of the moments from column places[k] of x."""
        assert self._shift is not None
        mean_x, mean_y = self._x / self._count, self._y / self._count
        return Moments(
            mean_x=(mean_x + self._shift)[places],
            mean_y=mean_y,
            cov_xx=(self._xx / self._count - np.outer(mean_x, mean_x))[np.ix_(places, places)],
            cov_yx=(self._yx / self._count - np.outer(mean_y, mean_x))[:, places],
            var_y=np.maximum(self._yy / self._count - mean_y**2, 0),
        )


def _finite(samples: np.ndarray, part: slice) -> np.ndarray:
    """Part of the samples, in memory. ColonnadeError naming the first that holds NaN or infinity."""
    values = np.asarray(samples[part])
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if len(bad):
        raise ColonnadeError(
            f"its input holds NaN or infinity for sample {part.start + bad[0]}; check the model and the images"
        )
    return values
