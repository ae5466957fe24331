"""First and second moments of a convolution's data, over sampled images and positions.

X is what im2col would build of the pruned network's input, Y what the convolution should make of it, without bias. A
position is one output pixel of one image: a column of X [K, P] and of Y [rows, P].

What follows the convolution says what it should make. With z = gain * (y + bias) + shift + skip, where the residual
connection carries another value in the pruned network than in the dense one, Y is what gives the dense network's z. And
where a rectifier follows, max(z, 0), and the dense z is not positive, any z' <= 0 is as good: there Y is what gives
min(z', 0), with z' of the weights found last. Solving for that and setting Y anew cannot make the error behind the
rectifier larger (majorize and minimize; Hunter and Lange 2004).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from colonnade.calibrate.columns import im2col, output_size, places
from colonnade.calibrate.site import Following
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import Conv

# Elements of X in memory at a time.
_CHUNK = 2**24
# Of a layer's largest gain: channels below hardly reach z and cannot make up for anything there.
_LEAST_GAIN = 0.01


@dataclass(frozen=True)
class Moments:
    """Of one group of a convolution, all float64.

    count: positions; mean_x [K], mean_y [rows]; cov_xx [K, K], cov_yx [rows, K], var_y [rows]: covariances per
    position.
    """

    count: int
    mean_x: np.ndarray
    mean_y: np.ndarray
    cov_xx: np.ndarray
    cov_yx: np.ndarray
    var_y: np.ndarray


@dataclass(frozen=True)
class Data:
    """A convolution of the dense network, and what it sees on the samples.

    weights: f32 [Cout, Cin/groups, kh, kw]; bias: [Cout]. dense, pruned: its input in either network, f32 [N, Cin, H,
    W]; skips: what the residual connection carries in the dense and in the pruned one, [N, Cout, Ho, Wo]. About
    `positions` output positions are looked at, or 16 K where that is more, the same number of each image, chosen by
    `seed`.
    """

    op: Conv
    weights: np.ndarray
    bias: np.ndarray
    following: Following
    dense: np.ndarray
    pruned: np.ndarray
    skips: tuple[np.ndarray, np.ndarray] | None
    positions: int
    seed: int

    def matrices(self, weights: np.ndarray) -> np.ndarray:
        """Weights [groups, rows, K] or in ONNX shape, to multiply what im2col gives: f32 [groups, K, rows]."""
        order = np.argsort(places(self.weights))
        grouped = weights.reshape(self.op.groups, -1, len(order))
        return grouped[:, :, order].transpose(0, 2, 1).astype(np.float32)

    def per_group(self, channels: np.ndarray) -> np.ndarray:
        """Values [..., Cout] as f32 [groups, ..., rows]."""
        grouped = channels.reshape(*channels.shape[:-1], self.op.groups, -1)
        return np.moveaxis(grouped, -2, 0).astype(np.float32)


def positions_of_each(op: Conv, weights: np.ndarray, inputs: np.ndarray, positions: int) -> int:
    """How many output positions of each image are looked at. inputs: [N, Cin, H, W]; the rest as in Data."""
    height, width = output_size(op, weights.shape[2:], inputs.shape[2:])
    wanted = max(positions, 16 * int(weights[0].size))
    return min(height * width, -(-wanted // len(inputs)))


@np.errstate(over="ignore", invalid="ignore")  # found at the end, and told in one line
def collect(data: Data) -> tuple[Moments, ...]:
    """Moments of each group. ColonnadeError for data that are not finite."""
    sums = [_Sums(*shape, squares=True) for shape in _sizes(data)]
    for x, y, skips in _chunks(data):
        _add(sums, x, _wanted(data, y, skips, None))
    return tuple(sum_.moments(places(data.weights)) for sum_ in sums)


@np.errstate(over="ignore", invalid="ignore")
def rectified(data: Data, moments: Sequence[Moments], weights: np.ndarray, bias: np.ndarray) -> tuple[Moments, ...]:
    """The moments with Y set anew by weights [groups, rows, K] and a bias [Cout] in place of the dense ones."""
    sums = [_Sums(*shape, squares=False) for shape in _sizes(data)]
    matrices, offset = data.matrices(weights), data.per_group(bias[np.newaxis])
    for x, y, skips in _chunks(data):
        _add(sums, x, _wanted(data, y, skips, np.matmul(x, matrices) + offset))
    found = (sum_.moments(places(data.weights)) for sum_ in sums)
    return tuple(
        replace(old, mean_y=new.mean_y, cov_yx=new.cov_yx, var_y=new.var_y)
        for old, new in zip(moments, found, strict=True)
    )


def _wanted(data: Data, y: np.ndarray, skips: tuple[np.ndarray, np.ndarray], found: np.ndarray | None) -> np.ndarray:
    """Y without bias, [groups, positions, rows]. y: that of the dense network. found: with bias, of the weights found
    last; None where there are none yet."""
    gain, shift, bias = (
        data.per_group(values[np.newaxis]) for values in (data.following.gain, data.following.shift, data.bias)
    )
    heard = np.abs(gain) > _LEAST_GAIN * np.abs(gain).max()
    z = gain * (y + bias) + shift + skips[0]
    if found is not None:
        z = np.where(z > 0, z, np.minimum(gain * found + shift + skips[1], 0))
    result: np.ndarray = np.where(heard, (z - shift - skips[1]) / np.where(heard, gain, 1) - bias, y)
    return result


def _chunks(data: Data) -> Iterator[tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """For some samples at a time: X [groups, positions, K]; the dense network's Y [groups, positions, rows], without
    bias; what the residual connection carries in either network, in the shape of Y, or zeros."""
    kernel, columns, count = data.weights.shape[2:], data.weights[0].size, len(data.pruned)
    height, width = output_size(data.op, kernel, data.pruned.shape[2:])
    each = positions_of_each(data.op, data.weights, data.pruned, data.positions)
    rng = np.random.default_rng(data.seed)
    matrices = data.matrices(data.weights)
    images = max(1, _CHUNK // (each * columns * data.op.groups))
    for start in range(0, count, images):
        part = slice(start, start + images)
        chosen = np.sort(rng.permutation(height * width)[:each])
        x = im2col(data.op, kernel, _finite(data.pruned, part), chosen)
        y = np.matmul(im2col(data.op, kernel, _finite(data.dense, part), chosen), matrices)
        yield x, y, _carried(data, part, chosen)


def _carried(data: Data, part: slice, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if data.skips is None:
        zero = np.zeros((1, 1, 1), np.float32)
        return zero, zero

    def at_positions(skip: np.ndarray) -> np.ndarray:
        values = _finite(skip, part)
        chosen = values.reshape(*values.shape[:2], -1)[:, :, positions]
        return data.per_group(chosen.transpose(0, 2, 1).reshape(-1, values.shape[1]))

    return at_positions(data.skips[0]), at_positions(data.skips[1])


def _sizes(data: Data) -> list[tuple[int, int]]:
    """Rows and columns of each group."""
    return [(len(data.weights) // data.op.groups, data.weights[0].size)] * data.op.groups


def _add(sums: Sequence[_Sums], x: np.ndarray, y: np.ndarray) -> None:
    for sum_, x_of_group, y_of_group in zip(sums, x, y, strict=True):
        sum_.add(x_of_group, y_of_group)


class _Sums:
    """Sums over positions, each chunk's products in f32 and all else in float64."""

    def __init__(self, rows: int, columns: int, *, squares: bool) -> None:
        """squares: cov_xx is wanted; without it, it stays zero."""
        self._squares = squares
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
        if self._squares:
            self._xx += x.T @ x
        self._yx += y.T @ x

    def moments(self, order: np.ndarray) -> Moments:
        """With column k of the moments from column order[k] of x. ColonnadeError if they are not finite."""
        assert self._shift is not None
        if not all(np.isfinite(sums).all() for sums in (self._y, self._yy, self._xx, self._yx)):
            raise ColonnadeError("its output on the samples is beyond float32; check the model and the images")
        mean_x, mean_y = self._x / self._count, self._y / self._count
        return Moments(
            count=self._count,
            mean_x=(mean_x + self._shift)[order],
            mean_y=mean_y,
            cov_xx=(self._xx / self._count - np.outer(mean_x, mean_x))[np.ix_(order, order)],
            cov_yx=(self._yx / self._count - np.outer(mean_y, mean_x))[:, order],
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
