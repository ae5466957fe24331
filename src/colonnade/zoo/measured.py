"""A builder whose samples are small images, which really go through the network.

Where planes are small, pools overlap, or convolutions are depthwise, neighbouring values depend on each other. Then
mean-field theory is wrong, and activations grow from layer to layer. Here batch norm takes its statistics from what
a few random images give.
"""

from __future__ import annotations

import math

import numpy as np

from colonnade.zoo.builder import NetBuilder, Value

_IMAGES = 6
_SIDE = 160


class MeasuredBuilder(NetBuilder):
    """Samples are [C, images * side * side]."""

    def input(self) -> Value:
        return Value("input", self._rng.standard_normal((3, _IMAGES * _SIDE * _SIDE), dtype=np.float32))

    def _convolved(self, sample: np.ndarray, weights: np.ndarray, stride: int, groups: int) -> np.ndarray:
        kernel, weights = weights.shape[2], weights.astype(np.float32)
        images = np.pad(_images(sample), [(0, 0), (0, 0), *[(kernel // 2, kernel // 2)] * 2])
        grouped = images.reshape(groups, -1, *images.shape[1:])
        filters = weights.reshape(groups, len(weights) // groups, *weights.shape[1:])
        side = (images.shape[2] - kernel) // stride + 1
        sums = np.zeros((groups, filters.shape[1], _IMAGES, side, side), np.float32)
        for y in range(kernel):
            for x in range(kernel):
                read = grouped[..., y : y + stride * side : stride, x : x + stride * side : stride]
                sums += np.einsum("grc,gcnhw->grnhw", filters[..., y, x], read, optimize=True)
        return sums.reshape(len(weights), -1)

    def _spread(self, sample: np.ndarray, weights: np.ndarray) -> np.ndarray:
        made = np.einsum("cryx,cnhw->rnhywx", weights.astype(np.float32), _images(sample), optimize=True)
        return np.asarray(made).reshape(weights.shape[1], -1)

    def _pooled(self, sample: np.ndarray, kernel: int, stride: int, pad: int) -> np.ndarray:
        around = [(0, 0), (0, 0), (pad, pad), (pad, pad)]
        images = np.pad(_images(sample), around, constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(images, (kernel, kernel), axis=(2, 3))
        return np.asarray(windows[:, :, ::stride, ::stride].max(axis=(4, 5))).reshape(len(sample), -1)

    def _enlarged(self, sample: np.ndarray, factor: int) -> np.ndarray:
        return _images(sample).repeat(factor, axis=2).repeat(factor, axis=3).reshape(len(sample), -1)


def _images(sample: np.ndarray) -> np.ndarray:
    """[C, images, side, side]."""
    side = math.isqrt(sample.shape[1] // _IMAGES)
    return sample.reshape(len(sample), _IMAGES, side, side)
