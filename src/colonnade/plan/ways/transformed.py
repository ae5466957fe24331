"""What both ways by Winograd's minimal filtering have in common: patches of m outputs, and panels of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from colonnade.kernels.shapes import Shape, shapes
from colonnade.kernels.winograd import Filter
from colonnade.modelfile.steps import Fields
from colonnade.plan.problem import ConvProblem, Geometry
from colonnade.plan.ways.costs import row_variants
from colonnade.plan.ways.way import TiledCandidate
from colonnade.target.targets import Target


@dataclass(frozen=True)
class Transformed(TiledCandidate):
    """Products of transformed data and weights (kernels/winograd.py).

    m: the side of a patch of outputs.
    panel: how much is transformed before it is multiplied; each way counts it in its own unit."""

    m: int
    panel: int

    @staticmethod
    @abstractmethod
    def filters(geometry: Geometry) -> dict[int, Filter]:
        """Those that can compute a convolution, by m."""

    @property
    def variety(self) -> tuple[int, int]:
        return self.m, self.vectors

    def fits(self, problem: ConvProblem, target: Target) -> bool:
        return self.m in self.filters(problem.geometry) and Shape(self.rows, self.vectors) in shapes(target.isa)

    def form(self, problem: ConvProblem) -> Hashable:
        return type(self), self.rows, self.m

    def loop_variants(self, problem: ConvProblem, target: Target) -> tuple[Self, ...]:
        possible = self.candidates(problem, target)
        return tuple(c for c in possible if c != self and replace(c, panel=self.panel) == self)

    def row_variants(self, problem: ConvProblem, target: Target) -> tuple[Self, ...]:
        return row_variants(self, problem, target)

    @classmethod
    def of_step(cls, fields: Fields, sparse: bool) -> Self:
        return cls(fields["tile_rows"], fields["vectors"], fields["m"], fields["panel"])


def packed_products(weights: np.ndarray, rows: int) -> np.ndarray:
    """[rows, columns, products] as tiles of at most `rows`, each [products][columns][rows of the tile]."""
    tiles = [weights[first : first + rows] for first in range(0, len(weights), rows)]
    return np.concatenate([tile.transpose(2, 1, 0).reshape(-1) for tile in tiles])
