"""One way to compute a convolution: everything the planner may choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

ALL_STRIPS = 1 << 24  # a panel of all strips: tile-outer loops


@dataclass(frozen=True)
class Candidate:
    """Micro-kernel shape, where its columns are read from, and the loop order around it (csrc/cnm.c).

    rows, vectors: T and V. packed: strips are gathered to [column][NR] first; else columns are read where they lie.
    masked: read where they lie, and lanes in padding, which is not in memory, are left out of loads, where an ISA can.
    turned: read where they lie, by turned kernels, whose lanes are output channels and which take any stride.
    rowwise: direct strips stay within one output row. panel: strips a tile's weights are used for before the next
    tile. blocks: KC blocks. dense: all columns, zeros included. shared: strips are packed once for all threads.
    chained: the convolution after it reads each panel of outputs at once, in as large panels (plan/chain.py).
    winograd: side m of the output tile of Winograd's F(m x m, r x r) (csrc/winograd.c), for which all but rows, vectors
    and panel stay as they are; 1: not so. vertical: rows m of the output tile of F(m, r) down the rows of the image
    (csrc/vertical.c), likewise, panel in rows of tiles; 1: not so.
    window: a depthwise convolution by a window kernel (kernels/depthwise.py) of `rows` rows of outputs, for which all
    others stay as they are.
    """

    rows: int
    vectors: int
    packed: bool = False
    masked: bool = False
    turned: bool = False
    rowwise: bool = False
    panel: int = 1
    blocks: int = 1
    dense: bool = False
    shared: bool = False
    chained: bool = False
    winograd: int = 1
    vertical: int = 1
    window: bool = False

    @property
    def by_columns(self) -> bool:
        """Whether columns of X are used as they are: by the loops of csrc/cnm.c."""
        return self.winograd == self.vertical == 1 and not self.window

    @classmethod
    def from_fields(cls, values: Mapping[str, object]) -> Candidate:
        """A candidate read from a file. TypeError or ValueError unless every field is there and makes sense."""
        for field in fields(cls):
            value = values[field.name]
            if type(value).__name__ != field.type:
                raise TypeError(f"{field.name} is {value!r}")
            if isinstance(value, int) and not isinstance(value, bool) and value < 1:
                raise ValueError(f"{field.name} is {value}")
        return cls(**values)  # type: ignore[arg-type]

    def __str__(self) -> str:
        panel = "all" if self.panel >= ALL_STRIPS else str(self.panel)
        if self.window:
            return f"depthwise {self.rows}x{self.vectors}v"
        if self.winograd > 1:
            m = self.winograd
            return f"winograd F({m}x{m}) {self.rows}x{self.vectors}v, panel {panel}"
        if self.vertical > 1:
            return f"vertical F({self.vertical}) {self.rows}x{self.vectors}v, panel {panel}"
        way = "packed" if self.packed else "turned" if self.turned else "direct"
        kind = f"{'dense' if self.dense else 'sparse'} {way}"
        extras = [f"panel {panel}"]
        extras += ["masked"] if self.masked else []
        extras += ["rowwise"] if self.rowwise else []
        extras += [f"{self.blocks} KC blocks"] if self.blocks > 1 else []
        extras += ["chained"] if self.chained else []
        return f"{kind} {self.rows}x{self.vectors}v, {', '.join(extras)}"
