"""Where the columns of X lie: in the input as it is, or in a copy that is padded and split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from colonnade.plan.planes import Planes
from colonnade.plan.problem import Geometry


@dataclass(frozen=True)
class DataLayout:
    """Where the columns of X lie: as the input is, or padded and split into the phases of the stride.

    Element (y, x) of the padded input is in phase (y mod stride, x mod stride) at (y div stride, x div stride); a
    plane has `plane_lines` lines of `pitch` elements, and is [channel][phase][image][plane].

    strided: strips are gathered, or read by kernels by channels, for which an input whose borders hold its padding may
    lie as it is, with any stride; `pitch` is then from what one line of outputs reads to what the next one does.
    lane_masked: the padding lies nowhere: the input itself is split, or lies as it is with stride 1.
    """

    geometry: Geometry
    strided: bool = False
    lane_masked: bool = False

    @cached_property
    def prepared(self) -> bool:
        if self.lane_masked:
            return self.geometry.strides != (1, 1)
        return not (self.geometry.reads_as_is or self.gathered)

    @cached_property
    def gathered(self) -> bool:
        """Whether strips are of the input as it is, with its stride."""
        g, (down, across) = self.geometry, self.geometry.strides
        strided = self.strided and g.strides != (1, 1)
        inside = g.out_h * down * g.source.pitch <= g.source.elements and g.out_w * across <= down * g.source.pitch
        return strided and g.source.covers(g.pads) and inside

    @property
    def x_step(self) -> int:
        """From output to output in the data."""
        return self.geometry.strides[1] if self.gathered else 1

    @cached_property
    def phases(self) -> tuple[tuple[int, int], ...]:
        """The phases some tap reads."""
        sh, sw = self._split
        return tuple(sorted({(y % sh, x % sw) for y, x in self._taps}))

    @property
    def _taps(self) -> tuple[tuple[int, int], ...]:
        """Displacement of each kernel element in the data that is split."""
        top, left = self.geometry.pads[:2] if self.lane_masked else (0, 0)
        return tuple((y - top, x - left) for y, x in self.geometry.taps)

    @cached_property
    def _padded(self) -> Planes:
        """The input with the borders that stride 1 reads it by."""
        g = self.geometry
        return Planes(g.height, g.width, g.pads, g.arithmetic.data) if self.prepared else g.source

    @property
    def _split(self) -> tuple[int, int]:
        """Lines and columns of the input that lie apart."""
        return (1, 1) if self.gathered else self.geometry.strides

    @cached_property
    def pitch(self) -> int:
        g = self.geometry
        if self.gathered:
            return g.strides[0] * g.source.pitch
        if self.lane_masked:
            return -(-g.width // g.strides[1])
        if g.strides == (1, 1):
            return max(self._padded.pitch, g.out_w)  # lines of outputs do not overlap
        return g.taps[-1][1] // g.strides[1] + g.out_w

    @cached_property
    def plane_lines(self) -> int:
        g = self.geometry
        if self.gathered:
            return g.out_h
        if self.lane_masked:
            return -(-g.height // g.strides[0])
        return self._padded.lines if g.strides == (1, 1) else g.taps[-1][0] // g.strides[0] + g.out_h

    @cached_property
    def plane_elements(self) -> int:
        """Whole lines and, with stride 1, the last one's right border."""
        if self.lane_masked:
            return self.plane_lines * self.pitch
        if not self.prepared:
            return self._padded.elements
        tail = min(self._padded.borders[1], self._padded.borders[3]) if self.geometry.strides == (1, 1) else 0
        return self.plane_lines * self.pitch + tail

    @property
    def channel_elements(self) -> int:
        return len(self.phases) * self.geometry.batch * self.plane_elements

    @cached_property
    def elements(self) -> int:
        """Of the prepared data, all channels."""
        return self.geometry.channels * self.channel_elements

    @property
    def _line_pitch(self) -> int:
        """From line to line of the data."""
        return self.geometry.source.pitch if self.gathered else self.pitch

    @property
    def first_at(self) -> int:
        """Where position 0 reads by the first tap: with lane masks, in padding before the data of its phase."""
        (sh, sw), (y, x) = self._split, self._taps[0]
        return y // sh * self._line_pitch + x // sw

    @property
    def offsets(self) -> np.ndarray:
        """Element offset of each column, channel after channel, from where the first tap reads."""
        g = self.geometry
        sh, sw = self._split
        pitch = self._line_pitch
        phase_elements = g.batch * self.plane_elements
        taps = np.array(
            [
                self.phases.index((y % sh, x % sw)) * phase_elements + y // sh * pitch + x // sw - self.first_at
                for y, x in self._taps
            ],
            np.int64,
        )
        channels = np.arange(g.channels, dtype=np.int64) * self.channel_elements
        return (channels[:, None] + taps[None, :]).reshape(-1)


@lru_cache(maxsize=1024)
def data_layout(geometry: Geometry, strided: bool, lane_masked: bool) -> DataLayout:
    """The same one for all candidates of a convolution that read its data alike: what it says is found once."""
    return DataLayout(geometry, strided, lane_masked)
