"""The one list of micro-kernel shapes. It drives the generator, the kernel table, the tests and the planner.

Standard library only (read by the build hook).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from colonnade.kernels.arithmetic import ARITHMETICS, F32, Arithmetic
from colonnade.target.isa import ISAS, Isa

MAX_ROWS = 31  # largest T of any micro-kernel
MAX_VECTORS = 16  # largest V of any micro-kernel
MAX_VECTOR_BYTES = 128  # largest register that a model may be laid out for (VLEN 1024)
# Bytes that lie after every storage and may be read: kernels load whole vectors, so the last strip reads past the last
# position.
SLACK = MAX_VECTORS * MAX_VECTOR_BYTES

MAX_TAPS = 49  # kernel elements of convolutions whose padding lane masks leave out of loads, at most
# A mask has a bit for each lane of the widest strip.
_WIDEST = max(isa.vector_bytes for isa in ISAS if isa.masks_lanes)
LANE_MASK_BYTES = max(MAX_VECTORS * arithmetic.lanes(_WIDEST) for arithmetic in ARITHMETICS) // 8


@dataclass(frozen=True, order=True)
class Shape:
    """A micro-kernel computes T = `rows` output channels by NR = `vectors` * lanes positions. With RVV `vectors` is
    LMUL: the V registers of a row are one group. With AVX-512 a vector is half a register."""

    rows: int
    vectors: int

    def row_registers(self, isa: Isa) -> int:
        """Registers that one row of a strip takes."""
        return -(-self.vectors // isa.wide)

    def holds_weights(self, isa: Isa) -> bool:
        """Whether the T weights of a column sit in vector registers while the vectors of X pass by one at a time, or
        those of X while the weights pass by: the smaller of the two groups stays."""
        return not isa.scalar_operands and self.rows < self.row_registers(isa)

    def registers(self, isa: Isa) -> int:
        """Vector registers in use: accumulators, the group that stays, and one that passes by. With scalar operands no
        weight takes a vector register."""
        if isa.scalar_operands:
            return (self.rows + 1) * self.vectors
        row = self.row_registers(isa)
        return self.rows * row + min(self.rows, row) + 1

    def name(self, isa: Isa, arithmetic: Arithmetic = F32) -> str:
        """That of the micro-kernel in C: instruction set, arithmetic and shape say which one it is."""
        return f"cnm_{arithmetic.name}_{self.rows}x{self.vectors}v__{isa.symbol}"


@cache
def shapes(isa: Isa) -> tuple[Shape, ...]:
    """Every T x V whose accumulators stay in the registers of `isa`. For each T every smaller V is there, for
    strips of fewer positions, and for each V every smaller T, for tiles of fewer rows."""
    grid = (Shape(rows, vectors) for rows in range(1, isa.max_rows + 1) for vectors in isa.vectors)
    return tuple(shape for shape in grid if shape.registers(isa) <= isa.registers)
