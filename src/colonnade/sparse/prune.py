"""Prunes an ONNX model: zeros in the weights of its convolutions, everything else as it was."""

from __future__ import annotations

import difflib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
import onnx
from onnx import helper

from colonnade.errors import ColonnadeError
from colonnade.sparse.convolutions import Convolution, find_convolutions
from colonnade.sparse.pattern import Level, Pattern, convolution_mask

DEFAULT_TILE = 8
METADATA_KEY = "colonnade.prune"

# (rows, columns, sparsity) of one group of a convolution -> rows per tile.
ChooseTile = Callable[[int, int, float], int]
TileWish = Literal["auto", "fastest"]
# By the names of convolutions: a sparsity, or that and a tile.
Own = Mapping[str, float | Level]


@dataclass(frozen=True)
class LayerReport:
    """What became of one convolution.

    shape: [Cout, Cin/groups, kh, kw], empty when the weights are not constant. columns: Cin/groups * kh * kw, of
    which every tile keeps `kept_columns`. achieved: fraction of zeros. error: with calibration, the mean squared error
    of the output on the samples as a fraction of its variance. A layer left dense has a `reason`, and neither a tile
    nor a requested sparsity.
    """

    name: str
    shape: tuple[int, ...]
    columns: int
    kept_columns: int
    achieved: float
    requested: float | None = None
    tile: int | None = None
    error: float | None = None
    reason: str | None = None

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape) if self.shape else 0


@dataclass(frozen=True)
class PruneReport:
    """Every convolution, in the order of the file."""

    layers: tuple[LayerReport, ...]

    @property
    def pruned(self) -> tuple[LayerReport, ...]:
        return tuple(layer for layer in self.layers if layer.reason is None)

    @property
    def sparsity(self) -> float:
        """Fraction of zeros in the weights of all convolutions, dense ones included."""
        return sum(layer.achieved * layer.size for layer in self.layers) / sum(layer.size for layer in self.layers)


def prune_model(
    model: onnx.ModelProto,
    *,
    sparsity: float,
    tile: int | TileWish = DEFAULT_TILE,
    group: int | None = None,
    skip: Sequence[str] = (),
    choose_tile: ChooseTile | None = None,
    own: Own | None = None,
) -> tuple[onnx.ModelProto, PruneReport]:
    """A copy of `model` with column-wise zeros (`sparse.pattern`) in its convolutions, and what was done to each.

    own: sparsities, or levels, of single convolutions by name, instead of `sparsity` and `tile`; a sparsity of 0 leaves
    a convolution untouched.
    tile "auto" or "fastest" asks `choose_tile` per layer (8 without it). The stem, depthwise convolutions, those of at
    most 4 input channels per group and those named in `skip` (names or globs such as "layer4.*") stay dense, as does
    every operator but Conv. The copy records the request in its metadata, on which nothing depends.

    Raises ColonnadeError for values out of range, a name in `skip` that matches nothing, weights that cannot be read
    or are not finite, and a model in which nothing is left to prune.
    """
    patterns = Patterns.asked(sparsity, tile, group, own, choose_tile)
    task = begin(model, skip, patterns.own)
    layers = tuple(
        left_dense(convolution, reason) if reason else _prune(convolution, patterns)
        for convolution, reason in zip(task.convolutions, task.reasons, strict=True)
    )
    task.record(sparsity=sparsity, tile=tile, group=group, skip=list(skip), **patterns.recorded)
    return task.model, PruneReport(layers)


def levels_of(own: Own | None) -> dict[str, Level]:
    """All as levels."""
    return {name: level if isinstance(level, Level) else Level(level) for name, level in (own or {}).items()}


@dataclass(frozen=True)
class Patterns:
    """What is asked of each layer: the request, unless it has a level of its own. choose_tile: for layers whose level
    has no tile."""

    request: Pattern
    own: Mapping[str, Level]
    choose_tile: ChooseTile | None

    @classmethod
    def asked(
        cls, sparsity: float, tile: int | TileWish, group: int | None, own: Own | None, choose_tile: ChooseTile | None
    ) -> Patterns:
        """As `prune_model` is asked: a tile that is a wish is chosen for each layer, or is the default one."""
        if isinstance(tile, str):
            return cls(Pattern(sparsity, DEFAULT_TILE, group), levels_of(own), choose_tile)
        return cls(Pattern(sparsity, tile, group), levels_of(own), None)

    def of(self, convolution: Convolution, weights: np.ndarray) -> Pattern:
        """The pattern of one layer. ColonnadeError if its level is out of range."""
        own = self.own.get(convolution.name, Level(self.request.sparsity))
        asked = replace(self.request, sparsity=own.sparsity)
        if own.tile is not None:
            return replace(asked, tile=own.tile)
        if self.choose_tile is None:
            return asked
        rows, columns = len(weights) // convolution.groups, weights[0].size
        return replace(asked, tile=self.choose_tile(rows, columns, asked.sparsity))

    @property
    def recorded(self) -> dict[str, object]:
        """The layers' own levels, for a model's metadata."""
        return {"own": {name: asdict(level) for name, level in self.own.items()}} if self.own else {}


@dataclass(frozen=True)
class Task:
    """A copy of a model on its way to be pruned: its convolutions and, for each, why it stays dense, or None."""

    model: onnx.ModelProto
    convolutions: tuple[Convolution, ...]
    reasons: tuple[str | None, ...]

    def record(self, **request: object) -> None:
        """Put the request into the model's metadata."""
        properties = {entry.key: entry.value for entry in self.model.metadata_props}
        properties[METADATA_KEY] = json.dumps(request)
        helper.set_model_props(self.model, properties)


def begin(
    model: onnx.ModelProto,
    skip: Sequence[str],
    own: Mapping[str, Level],
    why_dense: Callable[[Convolution], str | None] = Convolution.why_dense,
) -> Task:
    """A copy of `model` and what is to be pruned in it. ColonnadeError if nothing is, or `skip` or `own` names what is
    not there, or weights cannot be read."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    convolutions = find_convolutions(copy)
    label = model.graph.name or "model"
    if not convolutions:
        raise ColonnadeError(f"{label}: nothing to prune: it has no convolutions")
    if strange := own.keys() - {convolution.name for convolution in convolutions}:
        raise ColonnadeError(f"{label}: no convolution is called {min(strange)!r}, for which a sparsity is given")

    def why(convolution: Convolution) -> str | None:
        left = convolution.name in own and own[convolution.name].sparsity == 0
        return why_dense(convolution) or ("is to have sparsity 0" if left else None)

    reasons = reasons_dense(convolutions, skip, why)
    if all(reasons):
        counts = "; ".join(f"{count} x {reason}" for reason, count in Counter(reasons).items())
        raise ColonnadeError(f"{label}: nothing to prune, all {len(reasons)} convolutions stay dense: {counts}")
    return Task(copy, convolutions, tuple(reasons))


def reasons_dense(
    convolutions: Sequence[Convolution],
    skip: Sequence[str],
    why_dense: Callable[[Convolution], str | None] = Convolution.why_dense,
) -> list[str | None]:
    """For each convolution why it stays dense, or None. Those that share weights stay dense together."""
    skipped = _matching([convolution.name for convolution in convolutions], skip)
    own = ["named in skip" if c.name in skipped else why_dense(c) for c in convolutions]
    keeper = {c.source: c.name for c, reason in zip(convolutions, own, strict=True) if reason}
    return [
        reason or (f"shares its weights with {keeper[c.source]!r}, which stays dense" if c.source in keeper else None)
        for c, reason in zip(convolutions, own, strict=True)
    ]


def left_dense(convolution: Convolution, reason: str) -> LayerReport:
    """Of a convolution that is not touched."""
    weights = convolution.weights()
    if weights is None:
        return LayerReport(convolution.name, (), 0, 0, 0.0, reason=reason)
    columns = weights[0].size
    return LayerReport(convolution.name, weights.shape, columns, columns, _zeros(weights), reason=reason)


def _prune(convolution: Convolution, patterns: Patterns) -> LayerReport:
    """Writes the zeros into the convolution's tensor."""
    weights = finite_weights(convolution)
    pattern = patterns.of(convolution, weights)
    mask = convolution_mask(weights, convolution.groups, pattern)
    result = np.where(mask, weights, weights.dtype.type(0))
    if not mask.all():
        convolution.store(result)
    return layer_report(convolution, result, int(mask[0].sum()), pattern)


def finite_weights(convolution: Convolution) -> np.ndarray:
    """Of a convolution that has no reason to stay dense. ColonnadeError unless all are finite."""
    weights = convolution.weights()
    assert weights is not None  # else it has a reason to stay dense
    if not np.isfinite(weights).all():
        raise ColonnadeError(f"convolution {convolution.name!r}: weights hold NaN or infinity; repair the model first")
    return weights


def layer_report(
    convolution: Convolution, weights: np.ndarray, kept: int, pattern: Pattern, error: float | None = None
) -> LayerReport:
    """Of a convolution whose new weights are `weights`, of which every tile keeps `kept` columns."""
    return LayerReport(
        name=convolution.name,
        shape=weights.shape,
        columns=weights[0].size,
        kept_columns=kept,
        achieved=_zeros(weights),
        requested=pattern.sparsity,
        tile=pattern.tile,
        error=error,
    )


def _zeros(weights: np.ndarray) -> float:
    return 1.0 - int(np.count_nonzero(weights)) / weights.size


def _matching(names: list[str], wanted: Sequence[str]) -> set[str]:
    """Names equal to or matched by an entry of `wanted`. ColonnadeError for an entry that fits none."""
    matched: set[str] = set()
    for entry in wanted:
        hits = {name for name in names if name == entry or fnmatchcase(name, entry)}
        if not hits:
            near = difflib.get_close_matches(entry, names, n=3, cutoff=0.0)
            raise ColonnadeError(f"skip: no convolution is called {entry!r}; the nearest are {', '.join(near)}")
        matched |= hits
    return matched
