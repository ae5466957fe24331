"""The strips of turned kernels."""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.kernels.turned import LINES
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.target.isa import Isa


@dataclass(frozen=True)
class TurnedStrips:
    """An image is `down` lines of `line` outputs, a strip `lines` of those, `width` of each, or what is left."""

    lines: int
    width: int
    line: int
    down: int

    @classmethod
    def of(cls, layout: DataLayout, isa: Isa) -> TurnedStrips:
        """As csrc/strips.c cuts them: an image is one line if its rows follow each other in X and in Y. The strips of a
        line are as equal as can be."""
        g, most = layout.geometry, isa.turned
        joined = layout.x_step == 1 and layout.pitch == g.out_w and g.target.pitch == g.out_w
        line, down = (g.out_h * g.out_w, 1) if joined else (g.out_w, g.out_h)
        lines = max(lines for lines in LINES if lines == 1 or (lines * line <= most and lines <= down))
        return cls(lines, -(-line // -(-line // most)), line, down)

    @property
    def count(self) -> int:
        """Strips of an image."""
        return -(-self.down // self.lines) * -(-self.line // self.width)
