"""The one list of micro-kernel shapes. It drives the generator, the kernel table, the tests and the planner.

Standard library only (read by the build hook).
"""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.target.isa import Isa

MAX_ROWS = 16  # largest T of any micro-kernel
MAX_VECTORS = 8  # largest V of any micro-kernel


@dataclass(frozen=True, order=True)
class Shape:
    """A micro-kernel computes T = `rows` output channels by NR = `vectors` * lanes positions."""

    rows: int
    vectors: int

    @property
    def holds_weights(self) -> bool:
        """Whether the T weights of a column sit in registers while the vectors of X pass by one at a time, or the
        V vectors of X while the weights pass by: the smaller of the two groups stays."""
        return self.rows < self.vectors

    @property
    def registers(self) -> int:
        """Vector registers in use: T x V accumulators, the group that stays, and one that passes by."""
        return self.rows * self.vectors + min(self.rows, self.vectors) + 1

    def name(self, isa: Isa) -> str:
        return f"cnm_f32_{self.rows}x{self.vectors}v__{isa.symbol}"


def shapes(isa: Isa) -> tuple[Shape, ...]:
    """Every T x V whose accumulators stay in the registers of `isa`. For each T all V from 1 up are there, so a
    strip's tail always finds a narrower kernel, and for each V all T from 1 up, so that a last tile does."""
    grid = (Shape(rows, vectors) for rows in range(1, MAX_ROWS + 1) for vectors in range(1, MAX_VECTORS + 1))
    return tuple(shape for shape in grid if shape.registers <= isa.registers)
