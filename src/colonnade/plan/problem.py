"""What has to be known of a convolution to choose its kernel: its geometry and which columns its tiles keep."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property

import numpy as np

from colonnade.graph.ir import Activation, Conv, Graph
from colonnade.kernels.arithmetic import ARITHMETICS, Arithmetic, arithmetic_for
from colonnade.kernels.shapes import MAX_TAPS
from colonnade.plan.planes import NO_BORDERS, Borders, Planes
from colonnade.sparse.recover import Tile, recover_tiles
from colonnade.target.targets import Target

MOST_LANE_MASKED = 1 << 24  # kernel elements times output positions: lane masks are found for all at once


@dataclass(frozen=True)
class Geometry:
    """Shapes of one convolution, and the borders of its input and output in memory; a residual has the output's. Equal
    geometry and columns mean equal work: that is what profiles are kept for."""

    batch: int
    channels: int
    height: int
    width: int
    rows: int  # output channels
    out_h: int
    out_w: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    groups: int
    x_borders: Borders = NO_BORDERS
    y_borders: Borders = NO_BORDERS
    arithmetic: Arithmetic = ARITHMETICS[0]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Found once: the planner looks up what it knows of a geometry for every candidate."""
        return hash(tuple(getattr(self, field.name) for field in fields(self)))

    @cached_property
    def source(self) -> Planes:
        return Planes(self.height, self.width, self.x_borders, self.arithmetic.data)

    @cached_property
    def target(self) -> Planes:
        return Planes(self.out_h, self.out_w, self.y_borders, self.arithmetic.outputs)

    def lanes(self, target: Target) -> int:
        """Positions of a vector."""
        return self.arithmetic.lanes(target.vector_bytes)

    @property
    def columns(self) -> int:
        """K: columns of one group's weight matrix."""
        return self.channels // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def positions(self) -> int:
        """P: output positions."""
        return self.batch * self.out_h * self.out_w

    @property
    def macs(self) -> int:
        """Multiply-adds when no weight is zero."""
        return self.rows * self.columns * self.positions

    @cached_property
    def taps(self) -> tuple[tuple[int, int], ...]:
        """Displacement (y, x) of each kernel element in the padded input, in ONNX order."""
        kh, kw = self.kernel
        dh, dw = self.dilations
        return tuple((y * dh, x * dw) for y in range(kh) for x in range(kw))

    @cached_property
    def maskable(self) -> bool:
        """Whether padding may be left out of loads: lines of outputs lie in lines of the input as it is, or of its
        phases, and there are few enough lanes to mask."""
        plain = self.groups == 1 and (self.strides != (1, 1) or not any(self.x_borders))
        few = len(self.taps) <= MAX_TAPS and len(self.taps) * self.positions <= MOST_LANE_MASKED
        sides = zip((self.out_h, self.out_w), (self.height, self.width), self.strides, strict=True)
        return plain and any(self.pads) and few and all(out <= -(-size // stride) for out, size, stride in sides)

    @cached_property
    def reads_as_is(self) -> bool:
        """Whether every column of X is the input itself at an offset: stride 1, no padding beyond its borders."""
        return self.strides == (1, 1) and self.source.covers(self.pads) and self.out_w <= self.source.pitch


class WeightMatrix:
    """Weights [rows, K] of a convolution, group after group, and their tiles, found once for each T."""

    def __init__(self, values: np.ndarray, groups: int) -> None:
        self.values = np.ascontiguousarray(values)
        self.groups = groups
        self._tiles: dict[tuple[int, bool], tuple[Tile, ...]] = {}
        self._sizes: dict[tuple[int, bool], Counter[tuple[int, int]]] = {}

    @cached_property
    def sparse(self) -> bool:
        """Whether any column of any row is zero at all. Stray zeros make a layer sparse, and lose to dense."""
        return bool((self.values == 0).any())

    @cached_property
    def support(self) -> str:
        """How many rows of each group share a set of kept columns, and of which size; empty for dense weights."""
        text = ""
        for group in np.split(self.values != 0, self.groups) if self.sparse else ():
            unique, rows = np.unique(np.packbits(group, axis=1), axis=0, return_counts=True)
            text += repr(sorted(zip(np.bitwise_count(unique).sum(axis=1).tolist(), rows.tolist(), strict=True)))
        return text

    def tile_sizes(self, rows: int, dense: bool) -> Counter[tuple[int, int]]:
        """How many of the `tiles` have each size (rows, columns)."""
        key = (rows, dense or not self.sparse)
        if key not in self._sizes:
            self._sizes[key] = Counter((len(tile.rows), len(tile.columns)) for tile in self.tiles(*key))
        return self._sizes[key]

    def tiles(self, rows: int, dense: bool) -> tuple[Tile, ...]:
        """Tiles of at most `rows` output channels, those of a group together. dense: all columns, natural order."""
        key = (rows, dense or not self.sparse)
        if key not in self._tiles:
            self._tiles[key] = self._find_tiles(*key)
        return self._tiles[key]

    def _find_tiles(self, rows: int, dense: bool) -> tuple[Tile, ...]:
        count, columns = self.values.shape
        per_group = count // self.groups
        found: list[Tile] = []
        all_columns = np.arange(columns)
        for first in range(0, count, per_group):
            if dense:
                starts = range(0, per_group, rows)
                group = tuple(Tile(tuple(range(s, min(s + rows, per_group))), all_columns) for s in starts)
            else:
                group = recover_tiles(self.values[first : first + per_group], rows)
            found += [Tile(tuple(first + row for row in tile.rows), tile.columns) for tile in group]
        return tuple(found)


@dataclass(frozen=True, eq=False)
class ConvProblem:
    """One convolution of a network: geometry, weights and bias [rows], fused residual and activation."""

    name: str
    geometry: Geometry
    matrix: WeightMatrix
    bias: np.ndarray
    residual: bool
    act: Activation

    @property
    def weights(self) -> np.ndarray:
        """[rows, K]."""
        return self.matrix.values

    @property
    def sparse(self) -> bool:
        return self.matrix.sparse

    @cached_property
    def digest(self) -> str:
        """Key of the problem: geometry, epilogue, and how many rows share a column support of which size. Layers that
        differ only in which columns they keep are one problem: they take the same time."""
        geometry = asdict(self.geometry) | {"arithmetic": self.geometry.arithmetic.name}
        text = repr((geometry, self.residual, self.act.kind)) + self.matrix.support
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def with_borders(self, x: Borders, y: Borders) -> ConvProblem:
        """The same convolution of data laid out otherwise."""
        return replace(self, geometry=replace(self.geometry, x_borders=x, y_borders=y))


def conv_problem(
    name: str,
    op: Conv,
    x_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
    weights: np.ndarray,
    bias: np.ndarray,
    arithmetic: Arithmetic = ARITHMETICS[0],
) -> ConvProblem:
    """The problem of a graph's Conv node. Shapes in ONNX order, weights [Cout, Cin/groups, kh, kw]."""
    geometry = Geometry(
        batch=x_shape[0],
        channels=x_shape[1],
        height=x_shape[2],
        width=x_shape[3],
        rows=y_shape[1],
        out_h=y_shape[2],
        out_w=y_shape[3],
        kernel=(weights.shape[2], weights.shape[3]),
        strides=op.strides,
        pads=op.pads,
        dilations=op.dilations,
        groups=op.groups,
        arithmetic=arithmetic,
    )
    matrix = WeightMatrix(weights.reshape(weights.shape[0], -1), op.groups)
    return ConvProblem(name, geometry, matrix, np.asarray(bias, arithmetic.sums.dtype), op.residual, op.act)


def conv_problems(graph: Graph) -> dict[str, ConvProblem]:
    """The problem of every convolution, by node name, in running order."""
    found: dict[str, ConvProblem] = {}
    for node in graph.nodes:
        if isinstance(node.op, Conv):
            x, w, b = node.inputs[:3]
            shapes, constants = (graph.shape(x), graph.shape(node.output)), (graph.constants[w], graph.constants[b])
            arithmetic = arithmetic_for(graph.element(x), graph.element(node.output))
            found[node.name] = conv_problem(node.name, node.op, *shapes, *constants, arithmetic)
    return found


def borders_of(graph: Graph, problems: Mapping[str, ConvProblem]) -> dict[str, Borders]:
    """The values that have borders in memory, as the problems of the convolutions that make and read them say."""
    found: dict[str, Borders] = {}
    for node in graph.nodes:
        if node.name in problems and isinstance(node.op, Conv):
            geometry = problems[node.name].geometry
            found |= {node.inputs[0]: geometry.x_borders, node.output: geometry.y_borders}
            if node.op.residual:  # which perhaps no other convolution reads or makes
                found[node.inputs[3]] = geometry.y_borders
    return {value: borders for value, borders in found.items() if any(borders)}
