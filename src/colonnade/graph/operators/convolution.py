"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.graph.activations import IDENTITY, Activation
from colonnade.graph.operators.activation import activate
from colonnade.graph.operators.base import REAL, ImagewiseOperator
from colonnade.graph.operators.sliding import sliding_windows


@dataclass(frozen=True)
class Conv(ImagewiseOperator):
    """y = act(conv(x, w) + b [+ residual]). Inputs: x [N,Cin,H,W], w [Cout,Cin/groups,kh,kw] (constant),
    b [Cout] (constant), and with `residual` a fourth of y's shape. pads = (top, left, bottom, right)."""

    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)
    groups: int = 1
    residual: bool = False
    act: Activation = IDENTITY

    def run(self, inputs: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        x, w, b, *residual = inputs
        patches = sliding_windows(x, w.shape[2:], self.strides, self.pads, self.dilations, 0.0)
        batch, _, height, width, _, _ = patches.shape
        outputs = w.shape[0]
        matrix = w.reshape(self.groups, outputs // self.groups, -1).astype(np.float64)
        y = np.empty((batch, outputs, height, width), np.float64)
        for image, windows in zip(y, patches, strict=True):
            # [C, Ho, Wo, kh, kw] -> [groups, C / groups * kh * kw, Ho * Wo]: im2col, one image at a time
            columns = windows.transpose(0, 3, 4, 1, 2).astype(np.float64)
            image[:] = (matrix @ columns.reshape(self.groups, matrix.shape[2], height * width)).reshape(image.shape)
        y += b.reshape(1, -1, 1, 1)
        if self.residual:
            y += residual[0]
        return activate(y, self.act).astype(REAL)
