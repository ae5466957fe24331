"""What each layer costs at each sparsity, and what pruning it loses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx

from colonnade import api
from colonnade.bench.forecast import forecast
from colonnade.bench.progress import labelled
from colonnade.bench.run import Options
from colonnade.budget.allocate import Curve, Option, pareto_curve
from colonnade.budget.sensitivity import output_errors
from colonnade.calibrate.settings import Calibration
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.sparse.convolutions import find_convolutions

DENSE = 0.0
_ERROR_IMAGES = 64  # of the images; each costs a run for every layer and sparsity


@dataclass(frozen=True)
class Tables:
    """cost: f64 [layers, sparsities], milliseconds, or the share of all weights in these layers that is kept; fixed:
    cost of everything else; error: f64 [layers, sparsities], relative error of the network's scores when this layer
    alone is pruned. The first sparsity is 0."""

    layers: tuple[str, ...]
    sparsities: tuple[float, ...]
    cost: np.ndarray
    fixed: float
    error: np.ndarray

    @property
    def dense_cost(self) -> float:
        """Of the whole network, nothing pruned."""
        return float(self.cost[:, 0].sum()) + self.fixed

    @cached_property
    def curve(self) -> Curve:
        """Of all choices of a sparsity for each layer. Its costs are those of the whole network."""
        rows = zip(self.cost.tolist(), self.error.tolist(), strict=True)
        return pareto_curve([[Option(self.fixed, 0.0)], *(list(map(Option, *row)) for row in rows)])


def measure(
    source: str,
    model: api.Model,
    images: np.ndarray,
    options: Options,
    settings: Calibration | None,
    timed: bool,
    tell: api.Progress,
) -> Tables:
    """Tables of the network `source`, read as `model`. timed: costs are times, taken as `forecast` takes them.

    For the errors the network is pruned to each sparsity by what it does on the images: only then does an error say
    what is lost, not what calibration repairs. On a ResNet for Fashion-MNIST errors of layers pruned by magnitude are
    ten to a thousand times as large, and order the layers otherwise."""
    sparsities = tuple(sorted({DENSE, *options.sparsities}))
    if len(sparsities) < 2:
        raise ColonnadeError("sparsities to choose from: give at least one above 0")
    pruned = [
        calibrated(model, images, sparsity, {}, options, settings, labelled(tell, f"prune to {sparsity:g}"))
        for sparsity in sparsities[1:]
    ]
    layers = _prunable(model.proto, pruned[-1], options)
    cost, fixed = _times(source, layers, options, tell) if timed else (_kept(layers, pruned), 0.0)
    protos = [variant.proto for variant in pruned]
    size, threads = options.input_size, options.threads
    some = images[:: -(-len(images) // _ERROR_IMAGES)]
    errors = output_errors(model.proto, protos, layers, some, input_size=size, threads=threads, progress=tell)
    error = np.concatenate([np.zeros((len(layers), 1)), errors], axis=1)
    return Tables(layers, sparsities, cost, fixed, error)


def calibrated(
    model: api.Model,
    images: np.ndarray,
    sparsity: float,
    own: Mapping[str, float],
    options: Options,
    settings: Calibration | None,
    tell: api.Progress,
) -> api.Model:
    """The model pruned by what it does on the images; `own`: sparsities of single layers."""
    tile, group, skip = options.tile, options.group, options.skip
    return api.prune(
        model,
        sparsity,
        own=own,
        tile=tile,
        group=group,
        skip=skip,
        calibrate=images,
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


def _times(source: str, layers: Sequence[str], options: Options, tell: api.Progress) -> tuple[np.ndarray, float]:
    """Milliseconds of each layer, and what the whole dense network takes beyond the sum of its layers' times."""
    found = forecast(source, options, tell=labelled(tell, "time"))
    rows = {layer.name: layer.ms for layer in found.layers}
    cost = np.array([rows[layer] for layer in layers])
    return cost, found.total_ms[0] - float(cost[:, 0].sum())


def _kept(layers: Sequence[str], pruned: Sequence[api.Model]) -> np.ndarray:
    """Of all weights in `layers` the share that each keeps, dense and in each model."""
    kept = []
    for model in pruned:
        assert model.report is not None
        rows = {layer.name: layer for layer in model.report.layers}
        sizes = np.array([rows[layer].size for layer in layers], np.float64)
        kept.append(sizes * [1 - rows[layer].achieved for layer in layers])
    shares: np.ndarray = np.stack([sizes, *kept], axis=1) / sizes.sum()
    return shares
