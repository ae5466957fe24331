"""Cuts the outputs of a convolution by columns into strips, once: the model file holds the strips as tables.

A line of outputs starts at x = image * x_plane + line * x_pitch in the data that its columns are read from, and at
y = image * y_plane + line * y_pitch in the output. A direct strip covers NR consecutive x, a packed one NR consecutive
y; the last one may be a tail longer. So either may hold several *segments*, which are runs of outputs, with useless
lanes between them.

Example: a 5 x 5 image, x_pitch 7 (the borders lie in memory), y_pitch 5, NR 16. The first strip covers x = 0 .. 15.
Lanes 0 .. 4 are line 0, lanes 7 .. 11 are line 1, and lanes 14 and 15 begin line 2. That makes three segments.

Where x and y advance alike, the useless lanes fall on borders of y. Then strips follow each other without a gap, all as
well aligned as the first. Otherwise each strip begins at an output.

Strips whose lanes are output channels are a part of a line, or some lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from colonnade.kernels.channels import LINES
from colonnade.modelfile.fields import Record
from colonnade.modelfile.records import SEGMENT, STRIP


@dataclass(frozen=True)
class Plane:
    """Lines of outputs in memory, in elements: from line to line, from image to image, and along a line."""

    pitch: int
    plane: int
    step: int = 1


@dataclass(frozen=True)
class Kernels:
    """The micro-kernels that compute strips, as far as strips depend on them.

    lanes: of one vector. vectors: the V that there are for the tile's T, in order. exact: they compute as many
    positions as they are told; else whole vectors. tails: (V, positions) of the kernels that compute so many positions
    more in the same pass."""

    lanes: int
    vectors: tuple[int, ...]
    exact: bool
    tails: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Cut:
    """All that strips depend on. border: elements of a plane of y before its first output. by_output: a strip covers
    consecutive y, since its columns are packed. width: NR."""

    batch: int
    lines: int
    length: int
    x: Plane
    y: Plane
    border: int
    width: int
    by_output: bool
    kernels: Kernels


@dataclass(frozen=True, eq=False)
class Strips:
    """The tables of the model file, by the names of the records' fields; lane masks are still to be filled in."""

    strips: np.ndarray
    segments: np.ndarray

    def __len__(self) -> int:
        return len(self.strips)

    def total(self, field: str) -> int:
        """The sum of one field over all strips."""
        return self._totals[field]

    @cached_property
    def _totals(self) -> dict[str, int]:
        return {name: int(self.strips[name].sum()) for name in ("vectors", "tail", "full")}

    def runs(self, where: str) -> np.ndarray:
        """What each strip's outputs are read from ("x") or written to ("y"), in runs of neighbours that may be longer
        than a segment: [n, (strip, first, length)]."""
        begin, length = self.segments[where].astype(np.int64), self.segments["len"].astype(np.int64)
        strip = np.repeat(np.arange(len(self)), self.strips["segments"])
        goes_on = (np.diff(strip) == 0) & (np.diff(begin) == length[:-1])
        first = np.flatnonzero(np.append(True, ~goes_on))
        return np.column_stack((strip[first], begin[first], np.add.reduceat(length, first)))

    def reads_its_outputs_only(self, lanes: int) -> bool:
        """Whether no strip reads anything but the positions of its outputs, by kernels whose vectors have `lanes`; 0:
        any length."""
        s = self.strips
        outputs = np.add.reduceat(self.segments["len"], s["first"])
        read = s["vectors"] * lanes + s["tail"] if lanes else s["span"]
        return bool(np.all(read == outputs))

    @property
    def edges(self) -> int:
        """Strips whose outputs can't be written where they lie, whole vectors at a time."""
        return len(self) - self.total("full")


@lru_cache(maxsize=4096)
def cut_positions(cut: Cut) -> Strips:
    """Strips whose lanes are positions."""
    image, line = np.divmod(np.arange(cut.batch * cut.lines, dtype=np.int64), cut.lines)
    x, y = image * cut.x.plane + line * cut.x.pitch, image * cut.y.plane + line * cut.y.pitch
    along = y if cut.by_output else x
    starts = _starts(cut, along)
    # Pieces: lines, cut where strips start. Those that follow each other in all respects become one segment.
    inside = starts[np.searchsorted(along + cut.length, starts, side="right") == _line_of(along, starts)]
    begins = np.union1d(along, inside)
    of_line = _line_of(along, begins)
    ends = np.minimum(np.append(begins[1:], np.iinfo(np.int64).max), along[of_line] + cut.length)
    strip = np.searchsorted(starts, begins, side="right") - 1
    at = begins - along[of_line]
    pieces = np.column_stack((x[of_line] + at * cut.x.step, y[of_line] + at, begins - starts[strip], ends - begins))
    return _finished(cut, pieces, strip)


def _line_of(along: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The line that each coordinate lies in, or after."""
    found: np.ndarray = np.searchsorted(along, where, side="right") - 1
    return found


def _starts(cut: Cut, along: np.ndarray) -> np.ndarray:
    """Where strips start: multiples of NR where x and y advance alike, else the first output not covered so far. The
    positions left after the last whole strip belong to it if one kernel computes both."""
    end = int(along[-1]) + cut.length
    if cut.by_output or cut.x == cut.y or _is_one_run(cut):
        grid = np.arange(0, end, cut.width, dtype=np.int64)
        line = _line_of(along, grid)
        first_later = np.append(along, end)[line + 1]
        first = np.where(grid < along[line] + cut.length, grid, first_later)
        starts = grid[first < grid + cut.width]
    else:
        starts = np.array(list(_greedy(along.tolist(), cut.length, cut.width)), np.int64)
    left = end - int(starts[-1])
    joined = len(starts) > 1 and starts[-1] == starts[-2] + cut.width and starts[-1] >= along[-1]
    fits = (cut.width // cut.kernels.lanes, left) in cut.kernels.tails
    return starts[:-1] if joined and fits else starts


def _is_one_run(cut: Cut) -> bool:
    """Whether no x lies between the outputs."""
    return cut.x.pitch == cut.length and (cut.batch == 1 or cut.x.plane == cut.lines * cut.length)


def _greedy(along: list[int], length: int, width: int) -> Iterator[int]:
    """Each strip starts at the first output that the one before does not cover."""
    start, line = along[0], 0
    while True:
        yield start
        start += width
        while start >= along[line] + length:
            line += 1
            if line == len(along):
                return
        start = max(start, along[line])


def _finished(cut: Cut, pieces: np.ndarray, strip: np.ndarray) -> Strips:
    """The tables from pieces (x, y, lane, length) in order, and the number of the strip that each belongs to."""
    pieces, strip = _merged(pieces, strip, cut.x.step)
    x, y, lane, length = pieces.T
    first = np.flatnonzero(np.diff(strip, prepend=-1))
    count = np.diff(first, append=len(strip))
    lead = lane[first]
    strip_x, strip_y = x[first] - lead, y[first] - lead
    last = first + count - 1
    span = lane[last] + length[last]
    even = np.logical_and.reduceat(y - np.repeat(strip_y, count) == lane, first)
    tail, vectors = _kernels(cut.kernels, span, length[last])
    end = cut.batch * cut.y.plane - cut.border
    following = np.append(strip_y[1:], end)
    written = span if cut.kernels.exact else vectors * cut.kernels.lanes + tail
    full = even & (strip_y + written <= following)
    gap = np.append(y[1:], end) - y - length
    gap[last] = following - y[last] - length[last]
    borders = (lead > 0) | np.logical_or.reduceat(gap > 0, first)
    borders[0] |= cut.border > 0
    columns = (strip_x, strip_y, vectors, span, tail, first, count, lead, full, borders)
    return Strips(_table(STRIP, columns), _table(SEGMENT, (x, y, lane, length, gap)))


def _table(record: Record, columns: tuple[np.ndarray, ...]) -> np.ndarray:
    """Records of which the first fields are given, in their order; all others are zero."""
    found = np.zeros(len(columns[0]), [(field.name, "<i4") for field in record.fields])
    for field, values in zip(record.fields, columns, strict=False):
        found[field.name] = values
    return found


def _merged(pieces: np.ndarray, strip: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of one strip that follow each other in x, in y and in lanes made one."""
    x, y, lane, length = pieces.T
    follows = (np.diff(strip) == 0) & (np.diff(lane) == length[:-1])
    follows &= (np.diff(y) == length[:-1]) & (np.diff(x) == length[:-1] * step)
    begins = np.flatnonzero(np.append(True, ~follows))
    merged = pieces[begins]
    merged[:, 3] = np.add.reduceat(length, begins)
    return merged, strip[begins]


def _kernels(kernels: Kernels, span: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of each strip that are computed beside its whole vectors, and the vectors of the narrowest kernel for
    the others."""
    past, whole, tail = span % kernels.lanes, span // kernels.lanes, np.zeros_like(span)
    for vectors, positions in kernels.tails:
        tail[(whole == vectors) & (past == positions) & (past <= last)] = positions
    widths = np.array((0, *kernels.vectors), np.int64)
    return tail, widths[np.searchsorted(widths, -(-(span - tail) // kernels.lanes))]


@dataclass(frozen=True)
class ChannelStrips:
    """Strips whose lanes are output channels: an image is `down` lines of `line` outputs, a strip `lines` of those,
    `width` of each, or what is left."""

    lines: int
    width: int
    line: int
    down: int

    @classmethod
    def of(cls, cut: Cut, most: int) -> ChannelStrips:
        """most: positions of a strip. An image is one line if its lines follow each other in X and in Y. The strips of
        a line are as equal as can be."""
        joined = cut.x.step == 1 and cut.x.pitch == cut.y.pitch == cut.length
        line, down = (cut.lines * cut.length, 1) if joined else (cut.length, cut.lines)
        lines = max(lines for lines in LINES if lines == 1 or (lines * line <= most and lines <= down))
        return cls(lines, -(-line // -(-line // most)), line, down)

    @property
    def count(self) -> int:
        """Strips of an image."""
        return -(-self.down // self.lines) * -(-self.line // self.width)


@lru_cache(maxsize=1024)
def cut_channels(cut: Cut, most: int) -> Strips:
    """Strips whose lanes are output channels."""
    s = ChannelStrips.of(cut, most)
    image, line, begin = np.meshgrid(
        np.arange(cut.batch), np.arange(s.down), np.arange(0, s.line, s.width), indexing="ij"
    )
    # In the order of strips: image, band of lines, part of a line, line of the band.
    key = (image * s.down + line // s.lines) * s.line + begin
    order = np.lexsort((line.ravel(), key.ravel()))
    image, line, begin, key = (part.ravel()[order].astype(np.int64) for part in (image, line, begin, key))
    length = np.minimum(s.width, s.line - begin)
    x = image * cut.x.plane + line * cut.x.pitch + begin * cut.x.step
    y = image * cut.y.plane + line * cut.y.pitch + begin
    strip = np.cumsum(np.diff(key, prepend=-1) != 0) - 1
    pieces = np.column_stack((x, y, line % s.lines * length, length))
    whole = Kernels(s.lines * s.width, (1,), exact=True)  # a strip is one call, whatever its shape
    found = _finished(replace(cut, kernels=whole), pieces, strip)
    found.strips["full"], found.strips["vectors"] = 1, 0
    return found
