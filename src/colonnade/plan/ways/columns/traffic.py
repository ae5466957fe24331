"""The cost rule's caches: what the loops of csrc/steps/cnm.c read again, and from where.

    for panel of strips / for KC block / for tile / for strip: one micro-kernel call

A strip of a tile reads the tile's columns of X and of W; the same weights for every strip of the panel, the same X for
every tile. Between two reads other data passes through the cache and pushes a part out. How large that part is follows
from a model of a cache that replaces lines at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from colonnade.kernels.arithmetic import Arithmetic
from colonnade.kernels.cnm import LINE_BYTES
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.columns.layout import DataLayout
from colonnade.plan.ways.columns.loops import Loops
from colonnade.target.targets import Target

# Of a cache: what is read again and again stays if it is no more than this. Fitted to a simulated core, whose caches
# replace at random.
NEAR_HELD, FAR_HELD = 0.5, 0.75


@dataclass(frozen=True)
class Traffic:
    """Of one candidate: `strips` in all, each of `lines` lines of `width` positions."""

    problem: ConvProblem
    candidate: Loops
    target: Target
    strips: int
    lines: int
    width: int

    @cached_property
    def layout(self) -> DataLayout:
        return self.candidate.layout(self.problem.geometry)

    @property
    def arithmetic(self) -> Arithmetic:
        return self.problem.geometry.arithmetic

    @property
    def x_bytes(self) -> int:
        """Of an element of X."""
        return self.arithmetic.data.bytes

    @property
    def panel(self) -> int:
        return min(self.candidate.panel, self.strips)

    @property
    def panels(self) -> int:
        return -(-self.strips // self.panel)

    @cached_property
    def weights(self) -> float:
        """Bytes of the kept columns of all tiles."""
        return self.arithmetic.weights.bytes * self.candidate.stored_weights(self.problem)

    @property
    def passing(self) -> float:
        """Bytes that go through the caches from one read of a weight to the next: those of a panel."""
        g = self.problem.geometry
        outputs = self.arithmetic.outputs.bytes * g.rows * g.positions * (1 + self.problem.residual)
        return self.weights + self.held * self.candidate.blocks + outputs / self.panels

    @cached_property
    def held(self) -> float:
        """Bytes of X that the strips of a panel read in one KC block. Columns of a channel overlap unless packed."""
        g, layout = self.problem.geometry, self.layout
        positions = self.panel * self.lines * self.width
        if self.candidate.packed:
            return self.x_bytes * g.columns * positions / self.candidate.blocks
        down = g.strides[0] if layout.gathered else 1
        halo = g.taps[-1][0] // (1 if layout.gathered else g.strides[0]) * layout.pitch // down
        per_plane = min(positions * down * layout.x_step + halo, g.batch * layout.plane_elements)
        return self.x_bytes * g.channels // g.groups * len(layout.phases) * per_plane / self.candidate.blocks

    def strip_bytes(self, columns: float) -> float:
        """Of X that a strip of a tile reads in one KC block."""
        if self.candidate.packed:
            return columns * self.x_bytes * self.width
        count, elements = self._strip_runs(columns)
        return count * self.x_bytes * elements

    def near_bytes(self, columns: float) -> float:
        """The same in whole cache lines. Strips of packed data, and of planes of whole lines, begin where a line does.
        Others may begin at any element of one. Short lines of an image share cache lines."""
        piece, g, layout = self.target.near_piece, self.problem.geometry, self.layout
        whole = (
            g.kernel == (1, 1) and not self.candidate.by_channels and self.x_bytes * layout.plane_elements % piece == 0
        )
        if self.candidate.packed or whole:
            return self.strip_bytes(columns)
        count, elements = self._strip_runs(columns)
        apart = count / self.lines if self.x_bytes * layout.pitch <= piece else count
        return count * self.x_bytes * elements + apart * (piece - self.x_bytes)

    def _strip_runs(self, columns: float) -> tuple[float, float]:
        """How many runs of neighbouring elements these are, and elements of each. Columns of a line of the kernel
        overlap, if they are of one phase."""
        g, layout = self.problem.geometry, self.layout
        height, width = g.kernel
        apart = 1 if layout.gathered else min(g.strides[1], width)  # columns of a row in so many phases
        kept = min(1.0, columns * self.candidate.blocks / g.columns)
        rows = g.channels // g.groups * height * apart / self.candidate.blocks
        rows *= self.lines * (1 - (1 - kept) ** (width / apart))
        return float(rows), (self.width - 1) * layout.x_step + width / apart

    def lost_near(self, reused: float) -> float:
        """The share of what is read again and again, so many bytes, that the first-level cache has lost by then."""
        return max(0.0, 1 - (NEAR_HELD * self.target.l1_bytes / reused) ** 2) if reused else 0.0

    def lost_far(self, reused: float) -> float:
        """The second-level one."""
        return max(0.0, 1 - (FAR_HELD * self.target.l2_bytes / reused) ** 2) if reused else 0.0

    @property
    def cycles(self) -> float:
        """What these reads cost, and the writes of outputs and of sums."""
        g, target, blocks = self.problem.geometry, self.target, self.candidate.blocks
        sizes = self.problem.matrix.tile_sizes(self.candidate.rows, self.candidate.dense)
        near = far = 0.0
        for (rows, columns), tiles in sizes.items():
            of_tile, x = self.arithmetic.weights.bytes * rows * columns / blocks, self.strip_bytes(columns / blocks)
            near_x = self.near_bytes(columns / blocks)
            again = max(self.panels, self.strips * self.lost_near(of_tile + x))
            near += tiles * blocks * again * of_tile
            near += tiles * blocks * self.strips * near_x * self.lost_near(self.held + of_tile)
            far += tiles * blocks * self.panels * min(self.held, self.panel * x) * self.lost_far(self.held)
        outputs = self.arithmetic.outputs.bytes * g.rows * g.positions
        near += (1 + self.problem.residual) * (outputs + LINE_BYTES * g.rows * self.panels)
        far += (self.panels - 1) * self.weights * self.lost_far(self.passing)
        if blocks > 1:
            near += blocks * outputs
            far += blocks * outputs * self.lost_far(outputs / self.panels + self.weights / blocks)
        if self.layout.prepared:
            copy = self.x_bytes * self.layout.elements
            near += 2 * copy
            far += copy * (1 + self.lost_far(copy))
        if self.candidate.packed:
            near += 2 * blocks * self.held * self.panels
            far += blocks * self.held
        return near * target.near_cycles + far * target.far_cycles
