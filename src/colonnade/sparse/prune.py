"""Prunes an ONNX model: zeros in the weights of its convolutions, everything else as it was."""

from __future__ import annotations

import difflib
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
import onnx
from onnx import helper

from colonnade.errors import ColonnadeError
from colonnade.sparse.convolutions import Convolution, find_convolutions
from colonnade.sparse.pattern import Pattern, convolution_mask

DEFAULT_TILE = 8
METADATA_KEY = "colonnade.prune"

# (rows, columns, sparsity) of one group of a convolution -> rows per tile.
ChooseTile = Callable[[int, int, float], int]


@dataclass(frozen=True)
class LayerReport:
    """What became of one convolution.

    shape: [Cout, Cin/groups, kh, kw], empty when the weights are not constant. columns: Cin/groups * kh * kw, of
    which every tile keeps `kept_columns`. achieved: fraction of zeros. A layer left dense has a `reason`, and neither
    a tile nor a requested sparsity.
    """

    name: str
    shape: tuple[int, ...]
    columns: int
    kept_columns: int
    achieved: float
    requested: float | None = None
    tile: int | None = None
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
    tile: int | Literal["auto"] = DEFAULT_TILE,
    group: int | None = None,
    skip: Sequence[str] = (),
    choose_tile: ChooseTile | None = None,
) -> tuple[onnx.ModelProto, PruneReport]:
    """A copy of `model` with column-wise zeros (`sparse.pattern`) in its convolutions, and what was done to each.

    tile "auto" asks `choose_tile` per layer (8 without it). The stem, depthwise convolutions, those of at most 4
    input channels per group and those named in `skip` (names or globs such as "layer4.*") stay dense, as does every
    operator but Conv. The copy records the request in its metadata, on which nothing depends.

    Raises ColonnadeError for values out of range, a name in `skip` that matches nothing, weights that cannot be read
    or are not finite, and a model in which nothing is left to prune.
    """
    request = Pattern(sparsity, DEFAULT_TILE if tile == "auto" else tile, group)
    choose = choose_tile if tile == "auto" else None
    pruned = onnx.ModelProto()
    pruned.CopyFrom(model)
    convolutions = find_convolutions(pruned)
    label = model.graph.name or "model"
    if not convolutions:
        raise ColonnadeError(f"{label}: nothing to prune: it has no convolutions")
    reasons = _why_dense(convolutions, skip)
    if all(reasons):
        counts = "; ".join(f"{count} x {reason}" for reason, count in Counter(reasons).items())
        raise ColonnadeError(f"{label}: nothing to prune, all {len(reasons)} convolutions stay dense: {counts}")
    layers = [
        _left_dense(convolution, reason) if reason else _prune(convolution, request, choose)
        for convolution, reason in zip(convolutions, reasons, strict=True)
    ]
    properties = {entry.key: entry.value for entry in pruned.metadata_props}
    properties[METADATA_KEY] = json.dumps({"sparsity": sparsity, "tile": tile, "group": group, "skip": list(skip)})
    helper.set_model_props(pruned, properties)
    return pruned, PruneReport(tuple(layers))


def _why_dense(convolutions: Sequence[Convolution], skip: Sequence[str]) -> list[str | None]:
    """For each convolution why it stays dense, or None. Those that share weights stay dense together."""
    skipped = _matching([convolution.name for convolution in convolutions], skip)
    own = ["named in skip" if c.name in skipped else c.why_dense() for c in convolutions]
    keeper = {c.source: c.name for c, reason in zip(convolutions, own, strict=True) if reason}
    return [
        reason or (f"shares its weights with {keeper[c.source]!r}, which stays dense" if c.source in keeper else None)
        for c, reason in zip(convolutions, own, strict=True)
    ]


def _left_dense(convolution: Convolution, reason: str) -> LayerReport:
    weights = convolution.weights()
    if weights is None:
        return LayerReport(convolution.name, (), 0, 0, 0.0, reason=reason)
    columns = weights[0].size
    return LayerReport(convolution.name, weights.shape, columns, columns, _zeros(weights), reason=reason)


def _prune(convolution: Convolution, request: Pattern, choose_tile: ChooseTile | None) -> LayerReport:
    """Writes the zeros into the convolution's tensor."""
    weights = convolution.weights()
    assert weights is not None  # else it has a reason to stay dense
    if not np.isfinite(weights).all():
        raise ColonnadeError(f"convolution {convolution.name!r}: weights hold NaN or infinity; repair the model first")
    rows, columns = len(weights) // convolution.groups, weights[0].size
    pattern = replace(request, tile=choose_tile(rows, columns, request.sparsity)) if choose_tile else request
    mask = convolution_mask(weights, convolution.groups, pattern)
    result = np.where(mask, weights, weights.dtype.type(0))
    if not mask.all():
        convolution.store(result)
    return LayerReport(
        name=convolution.name,
        shape=weights.shape,
        columns=columns,
        kept_columns=int(mask[0].sum()),
        achieved=_zeros(result),
        requested=request.sparsity,
        tile=pattern.tile,
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
