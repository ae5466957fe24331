"""Lane masks: which lanes of a strip find their element of X inside the image, for each kernel element."""

from __future__ import annotations

import numpy as np

from colonnade.kernels.shapes import LANE_MASK_BYTES
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.plan.ways.columns.strips import Strips


def lane_masks(layout: DataLayout, strips: Strips) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of masks, u8 [blocks, kernel elements, LANE_MASK_BYTES], and the block of each strip. Strips that leave
    the same lanes out share a block: lines of one plane repeat, and so do images."""
    g = layout.geometry
    x, lane, length = (strips.segments[name].astype(np.int64) for name in ("x", "lane", "len"))
    segment = np.repeat(np.arange(len(length)), length)
    along = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)  # from the segment's first output
    strip = np.repeat(np.arange(len(strips)), strips.strips["segments"])[segment]
    line, column = np.divmod((x[segment] + along) % layout.plane_elements, layout.pitch)
    inside = np.zeros((len(strips), len(g.taps), 8 * LANE_MASK_BYTES), bool)
    for tap, (down, across) in enumerate(g.taps):
        down_at = line * g.strides[0] + down - g.pads[0]
        across_at = column * g.strides[1] + across - g.pads[1]
        within = (down_at >= 0) & (down_at < g.height) & (across_at >= 0) & (across_at < g.width)
        inside[strip, tap, lane[segment] + along] = within
    blocks, of_strip = np.unique(np.packbits(inside, axis=2, bitorder="little"), axis=0, return_inverse=True)
    return blocks, of_strip.reshape(-1)
