"""What each layer costs at each level, a sparsity and a tile, and what pruning it so loses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import onnx

from colonnade import api
from colonnade.bench.progress import labelled
from colonnade.bench.run import Options
from colonnade.bench.timing import milliseconds, time_variants
from colonnade.budget.allocate import Curve, Option, pareto_curve
from colonnade.budget.goal import Goal
from colonnade.budget.sensitivity import output_errors
from colonnade.calibrate.settings import Calibration
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.sparse.convolutions import find_convolutions
from colonnade.sparse.pattern import Level

DENSE = Level(0.0)
_ERROR_IMAGES = 64  # of the images; each costs a run for every layer and level
_LEAST_GAIN = 0.05  # of a layer's time; less may be noise


@dataclass(frozen=True)
class Tables:
    """cost: f64 [layers, levels], milliseconds, or the share of all weights in these layers that is kept; fixed: cost
    of everything else; error: f64 [layers, levels], relative error of the network's scores when this layer alone is
    pruned. The first level is dense."""

    layers: tuple[str, ...]
    levels: tuple[Level, ...]
    cost: np.ndarray
    fixed: float
    error: np.ndarray

    @property
    def dense_cost(self) -> float:
        """Of the whole network, nothing pruned."""
        return float(self.cost[:, 0].sum()) + self.fixed

    @cached_property
    def curve(self) -> Curve:
        """Of all choices of a level for each layer. Its costs are those of the whole network."""
        rows = zip(self.cost.tolist(), self.error.tolist(), strict=True)
        return pareto_curve([[Option(self.fixed, 0.0)], *(list(map(Option, *row)) for row in rows)])


def measure(
    model: api.Model,
    images: np.ndarray,
    goal: Goal,
    options: Options,
    settings: Calibration | None,
    tell: api.Progress,
    tiles: Sequence[int] = (),
) -> Tables:
    """Tables of a network, at each sparsity of `options` in each of `tiles` (none: the tile of `options`). For a goal
    about time, costs are times, taken as `forecast` takes them. ColonnadeError if the goal is out of reach, which is
    known before the network is pruned by images.

    For the errors the network is pruned to each level by what it does on the images: only then does an error say
    what is lost, not what calibration repairs. On a ResNet for Fashion-MNIST errors of layers pruned by magnitude are
    ten to a thousand times as large, and order the layers otherwise."""
    pruned_levels = _levels(options.sparsities, goal, tiles)
    quick = {level: _at(options, level).prune(model, level.sparsity) for level in pruned_levels}
    layers = _prunable(model.proto, quick[pruned_levels[-1]], options)
    timed = _times(model, quick, layers, options, tell) if goal.timed else None
    cost, fixed, unit = timed or (_kept(layers, quick), 0.0, "weights kept")
    _check_reach(model.name, goal, pruned_levels[-1].sparsity, cost, fixed, unit)
    pruned = []
    for level in pruned_levels:
        told = labelled(tell, f"prune to {level}")
        pruned.append(calibrated(model, images, level.sparsity, {}, _at(options, level), settings, told).proto)
    size, threads = options.input_size, options.threads
    some = images[:: -(-len(images) // _ERROR_IMAGES)]
    errors = output_errors(model.proto, pruned, layers, some, input_size=size, threads=threads, progress=tell)
    error = np.concatenate([np.zeros((len(layers), 1)), errors], axis=1)
    return Tables(layers, (DENSE, *pruned_levels), cost, fixed, error)


def _levels(sparsities: Sequence[float], goal: Goal, tiles: Sequence[int]) -> tuple[Level, ...]:
    """All but dense, the sparsest last."""
    if len(tiles) > 1 and not goal.timed:
        raise ColonnadeError(f"{goal}: smaller tiles always lose less; tiles to choose from need a goal about time")
    above = sorted({sparsity for sparsity in sparsities if sparsity > 0})
    if not above:
        raise ColonnadeError("sparsities to choose from: give at least one above 0")
    return tuple(Level(sparsity, tile) for sparsity in above for tile in sorted(set(tiles)) or (None,))


def _at(options: Options, level: Level) -> Options:
    """Options that prune in the tiles of a level."""
    return options if level.tile is None else replace(options, tile=level.tile)


def calibrated(
    model: api.Model,
    images: np.ndarray,
    sparsity: float,
    own: Mapping[str, Level],
    options: Options,
    settings: Calibration | None,
    tell: api.Progress,
) -> api.Model:
    """The model pruned by what it does on the images; `own`: levels of single layers."""
    tile, group, skip = options.tile, options.group, options.skip
    return api.prune(
        model,
        sparsity,
        own=own,
        tile=tile,
        group=group,
        skip=skip,
        calibrate=images,
        target=options.target,
        settings=settings,
        progress=tell,
    )


def _prunable(dense: onnx.ModelProto, pruned: api.Model, options: Options) -> tuple[str, ...]:
    """Layers that pruning changes, that share their weights with no other, and whose output is used."""
    assert pruned.report is not None
    convolutions = find_convolutions(dense)
    users = Counter(convolution.source for convolution in convolutions)
    alone = {convolution.name for convolution in convolutions if users[convolution.source] == 1}
    used = {node.name for node in optimize(import_model(dense, input_size=options.input_size)).nodes}
    return tuple(layer.name for layer in pruned.report.pruned if layer.name in alone & used)


def _check_reach(name: str, goal: Goal, sparsest: float, cost: np.ndarray, fixed: float, unit: str) -> None:
    """ColonnadeError, which says how far the network goes, unless the cheapest choices together meet the goal."""
    dense, least = float(cost[:, 0].sum()) + fixed, float(cost.min(axis=1).sum()) + fixed
    if least <= goal.limit(dense):
        return
    best = (
        f"it takes {least:.3f} {unit} at least, {dense / least:.2f}x"
        if goal.timed
        else f"it has {1 - least:.1%} zeros at most"
    )
    raise ColonnadeError(f"{name}: {goal} is out of reach; with sparsities up to {sparsest:g} {best}")


def _times(
    model: api.Model, pruned: Mapping[Level, api.Model], layers: Sequence[str], options: Options, tell: api.Progress
) -> tuple[np.ndarray, float, str]:
    """Milliseconds of each layer, of all others together, and what they are called."""
    variants = {str(level): variant for level, variant in {DENSE: model, **pruned}.items()}
    times = time_variants(variants, options, tell=labelled(tell, "time"), merge=False)
    ms = layer_times(np.array([layer.ms for layer in times.layers]), np.array(times.total_ms))
    rows = {layer.name: row for layer, row in zip(times.layers, ms, strict=True)}
    cost = np.array([rows[layer] for layer in layers])
    return cost, times.total_ms[0] - float(cost[:, 0].sum()), milliseconds(times.clock)


def layer_times(each: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """What layers take, [layers, levels], from the medians of `each`, and those of whole runs, [levels], with all
    layers pruned alike; the first is dense.

    Medians need not add up: those of all layers at one level are scaled to make the whole run's. A layer that is hardly
    faster counts as no faster.
    """
    scaled = each * (whole / each.sum(axis=0))
    dense = np.broadcast_to(scaled[:, :1], scaled.shape)
    faster: np.ndarray = each < (1 - _LEAST_GAIN) * each[:, :1]
    return np.where(faster, scaled, dense)


def _kept(layers: Sequence[str], pruned: Mapping[Level, api.Model]) -> np.ndarray:
    """Of all weights in `layers` the share that each keeps, dense and in each model."""
    kept = []
    for model in pruned.values():
        assert model.report is not None
        rows = {layer.name: layer for layer in model.report.layers}
        sizes = np.array([rows[layer].size for layer in layers], np.float64)
        kept.append(sizes * [1 - rows[layer].achieved for layer in layers])
    shares: np.ndarray = np.stack([sizes, *kept], axis=1) / sizes.sum()
    return shares
