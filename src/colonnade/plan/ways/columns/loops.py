"""What may be chosen for a convolution by columns: the micro-kernel, where its data lies, and the loops around it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from colonnade.modelfile.steps import Fields
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.plan.ways.columns.layout import DataLayout, data_layout
from colonnade.plan.ways.way import TiledCandidate, panel_text

Access = Literal["direct", "packed", "lane masks"]
Lanes = Literal["positions", "channels"]


@dataclass(frozen=True)
class Loops(TiledCandidate):
    """What may be chosen of the loops of csrc/steps/cnm.c.

    access: how a strip finds its columns. "direct": where they lie, in the input or in a padded copy. "packed": they
    are gathered to [column][NR] first. "lane masks": where they lie, and lanes in the padding, which is not in memory,
    are left out of loads; for instruction sets that can do so.
    lanes: what the lanes of a vector are. "positions": neighbouring output positions (kernels/cnm.py). "channels":
    output channels (kernels/channels.py), with any stride, only with direct access.
    panel: the strips for which a tile's weights are used before the next tile.
    blocks: into how many KC blocks the columns are cut.
    dense: whether columns that a tile does not keep are computed too, as zeros.
    """

    step_kind: ClassVar[str] = "cnm"

    access: Access = "direct"
    lanes: Lanes = "positions"
    panel: int = 1
    blocks: int = 1
    dense: bool = False

    @property
    def packed(self) -> bool:
        return self.access == "packed"

    @property
    def lane_masked(self) -> bool:
        return self.access == "lane masks"

    @property
    def by_channels(self) -> bool:
        """Whether lanes are output channels."""
        return self.lanes == "channels"

    @property
    def kind(self) -> Hashable:
        return self.lanes if self.by_channels else (self.lanes, self.dense)

    @property
    def variety(self) -> Hashable:
        return self.vectors, self.access, self.lanes

    def stored_weights(self, problem: ConvProblem) -> int:
        sizes = problem.matrix.tile_sizes(self.rows, self.dense)
        return sum(rows * columns * tiles for (rows, columns), tiles in sizes.items())

    def form(self, problem: ConvProblem) -> Hashable:
        return type(self), self.rows, self.dense or not problem.sparse

    def layout(self, geometry: Geometry) -> DataLayout:
        """Where the columns lie."""
        return data_layout(geometry, self.packed or self.by_channels, self.lane_masked)

    def __str__(self) -> str:
        way = "packed" if self.packed else "channel lanes" if self.by_channels else "direct"
        extras = [f"panel {panel_text(self.panel)}"]
        extras += ["lane masks"] if self.lane_masked else []
        extras += [f"{self.blocks} KC blocks"] if self.blocks > 1 else []
        return f"{'dense' if self.dense else 'sparse'} {way} {self.rows}x{self.vectors}v, {', '.join(extras)}"

    @classmethod
    def of_step(cls, fields: Fields, sparse: bool) -> Self:
        return cls(
            rows=fields["tile_rows"],
            vectors=fields["vectors"],
            access="packed" if fields["packed"] else "lane masks" if fields["lane_masked"] else "direct",
            lanes="channels" if fields["by_channels"] else "positions",
            panel=fields["panel"],
            blocks=fields["blocks"],
            dense=not sparse,
        )
