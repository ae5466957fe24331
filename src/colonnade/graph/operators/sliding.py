"""Windows that slide over planes, in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def sliding_windows(
    x: np.ndarray,
    kernel: Sequence[int],
    strides: tuple[int, int],
    pads: tuple[int, int, int, int],
    dilations: tuple[int, int],
    fill: float,
) -> np.ndarray:
    """A view [N, C, Ho, Wo, kh, kw] of all windows over x [N, C, H, W] padded with `fill`."""
    top, left, bottom, right = pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill) if any(pads) else x
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(2, 3))
    return views[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]
