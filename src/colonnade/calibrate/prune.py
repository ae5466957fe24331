"""Prunes an ONNX model layer after layer, each on what the layers pruned before it make of the samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from colonnade import __version__
from colonnade.calibrate.layer import NewWeights, Tiles, choose_tiles, new_weights
from colonnade.calibrate.moments import Data, Moments, collect, positions_of_each, rectified
from colonnade.calibrate.network import Network, cut, own_constants, prepared
from colonnade.calibrate.settings import MIN_SAMPLES, Calibration
from colonnade.calibrate.site import Following, Site, sites
from colonnade.calibrate.state import Finished, NewLayer, workplace
from colonnade.calibrate.store import Store
from colonnade.errors import ColonnadeError
from colonnade.graph.ir import REAL, Graph
from colonnade.graph.onnx_import import import_model
from colonnade.sparse.convolutions import Convolution, find_convolutions, set_bias
from colonnade.sparse.pattern import Pattern, dropped_per_group
from colonnade.sparse.prune import (
    DEFAULT_TILE,
    ChooseTile,
    LayerReport,
    Own,
    Patterns,
    PruneReport,
    TileWish,
    begin,
    finite_weights,
    layer_report,
    left_dense,
)

Progress = Callable[[str, int, int], None]

# For each column: with fewer, what a residual branch learns of the difference on the other side is mostly noise, as
# that may be far larger than what the branch itself makes (measured with MobileNet-V2).
_POSITIONS_TO_MAKE_UP = 32


def calibrate_model(
    model: onnx.ModelProto,
    samples: np.ndarray,
    *,
    sparsity: float,
    tile: int | TileWish = DEFAULT_TILE,
    group: int | None = None,
    skip: Sequence[str] = (),
    choose_tile: ChooseTile | None = None,
    own: Own | None = None,
    settings: Calibration | None = None,
    work_folder: Path | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[onnx.ModelProto, PruneReport]:
    """As `sparse.prune_model`, with columns, weights and biases from what the network does on `samples`.

    samples: f32 [N, C, H, W], as the model takes them. `settings` None: the defaults. Layers done are kept in
    `work_folder` until all are, and found there again by a later call with the same arguments. progress(name, done,
    total) counts layers. Convolutions that share weights stay dense as well.

    Raises ColonnadeError for what prune_model does, and for samples that are too few, not finite or not what the model
    takes, a model with several inputs, and activations that are not finite.
    """
    settings = settings or Calibration()
    patterns = Patterns.asked(sparsity, tile, group, own, choose_tile)
    graph = _graph_for(model, samples)
    known = sites(graph)
    task = begin(model, skip, patterns.own, _why_dense(model, known))
    places = {value: place for place, value in enumerate(known)}
    layers = [
        _Layer(c, known[_output(c)], patterns.of(c, finite_weights(c)))
        for c, reason in zip(task.convolutions, task.reasons, strict=True)
        if not reason
    ]
    layers.sort(key=lambda layer: places[_output(layer.convolution)])
    asked: dict[str, object] = {
        "sparsity": sparsity,
        "tile": tile,
        "group": group,
        "skip": list(skip),
        "calibration": asdict(settings),
    }
    asked |= patterns.recorded
    key = repr((__version__, asked, [layer.pattern for layer in layers], samples.shape)).encode()
    key += model.SerializeToString(deterministic=True)
    with workplace(work_folder) as (folder, activations):
        results = _prune(graph, layers, samples, settings, Finished(folder, key, samples), activations, progress)
    reports = {
        _output(layer.convolution): _store(task.model, layer, result)
        for layer, result in zip(layers, results, strict=True)
    }
    task.record(**asked)
    return task.model, PruneReport(
        tuple(
            left_dense(convolution, reason) if reason else reports[_output(convolution)]
            for convolution, reason in zip(task.convolutions, task.reasons, strict=True)
        )
    )


@dataclass(frozen=True)
class _Layer:
    """A convolution to be pruned, in the file and in the graph."""

    convolution: Convolution
    site: Site
    pattern: Pattern


def _output(convolution: Convolution) -> str:
    return str(convolution.node.output[0])


def _graph_for(model: onnx.ModelProto, samples: np.ndarray) -> Graph:
    """The model at batch 1 and, where it leaves them open, the height and width of the samples, unchanged by passes."""
    if samples.ndim != 4 or samples.dtype != REAL:
        raise ColonnadeError(
            f"samples are {samples.dtype} of shape {list(samples.shape)}; they must be float32 [N, C, H, W]"
        )
    if len(samples) < MIN_SAMPLES:
        raise ColonnadeError(f"there are {len(samples)} samples; calibration needs at least {MIN_SAMPLES}")
    bad = np.flatnonzero(~np.isfinite(samples).reshape(len(samples), -1).all(axis=1))
    if len(bad):
        raise ColonnadeError(f"sample {bad[0]} holds NaN or infinity; leave it out")
    plane = (samples.shape[2], samples.shape[3])
    graph = import_model(model, batch=1, input_size=plane if _has_open_plane(model) else None)
    if len(graph.inputs) != 1:
        raise ColonnadeError(f"{graph.name}: has {len(graph.inputs)} inputs; calibration needs a model with one")
    wanted = graph.shape(graph.inputs[0])[1:]
    if wanted != samples.shape[1:]:
        raise ColonnadeError(
            f"samples have shape {list(samples.shape[1:])} (C, H, W), but the model takes {list(wanted)}"
        )
    return graph


def _has_open_plane(model: onnx.ModelProto) -> bool:
    return any(size.dim_value < 1 for entry in model.graph.input for size in entry.type.tensor_type.shape.dim[2:])


def _why_dense(model: onnx.ModelProto, known: Mapping[str, Site]) -> Callable[[Convolution], str | None]:
    uses = Counter(convolution.source for convolution in find_convolutions(model))

    def why_dense(convolution: Convolution) -> str | None:
        if reason := convolution.why_dense():
            return reason
        if uses[convolution.source] > 1:
            return "shares its weights with another convolution"
        return None if _output(convolution) in known else "reads no data"

    return why_dense


def _prune(
    graph: Graph,
    layers: Sequence[_Layer],
    samples: np.ndarray,
    settings: Calibration,
    finished: Finished,
    folder: Path,
    progress: Progress,
) -> list[NewLayer]:
    """The new weights of all layers, each chosen after the ones before it have theirs. `folder`: for activations."""
    chosen = [layer.site for layer in layers]
    graph = prepared(graph, chosen)
    dense, pruned = (Network(graph, Store(folder, prefix), samples) for prefix in ("dense", "pruned"))
    results = []
    for index, (layer, segment) in enumerate(zip(layers, cut(graph, chosen), strict=True)):
        progress(layer.convolution.name, index, len(layers))
        dense.advance(segment)
        pruned.advance(segment)
        result = finished.load(index)
        if result is None:
            try:
                result = _prune_layer(graph, layer, dense, pruned, settings)
            except ColonnadeError as error:
                raise ColonnadeError(f"convolution {layer.convolution.name!r}: {error}") from error
            finished.save(index, result)
        results.append(result)
        pruned.set(dict(zip(own_constants(layer.site), (result.weights, result.bias), strict=True)))
    progress("all layers", len(layers), len(layers))
    return results


def _prune_layer(graph: Graph, layer: _Layer, dense: Network, pruned: Network, settings: Calibration) -> NewLayer:
    site, following = layer.site, layer.site.following
    weights, bias = (graph.constants[name] for name in own_constants(site))
    inputs = pruned.read(site.node.inputs[0])
    count = len(inputs) * positions_of_each(site.op, weights, inputs, settings.positions)
    if following.skip and count < _POSITIONS_TO_MAKE_UP * weights[0].size:
        following = Following(following.gain, following.shift)
    data = Data(
        op=site.op,
        weights=weights,
        bias=bias,
        following=following,
        dense=dense.read(site.node.inputs[0]),
        pruned=inputs,
        skips=(dense.read(following.skip), pruned.read(following.skip)) if following.skip else None,
        positions=settings.positions,
        seed=settings.seed,
    )
    moments = collect(data)
    energy = sum(float(group.var_y.sum()) for group in moments)
    matrices = weights.reshape(site.op.groups, -1, weights[0].size)
    tiles = [choose_tiles(m, w, layer.pattern, settings) for m, w in zip(moments, matrices, strict=True)]
    new = _solved(moments, matrices, tiles, settings.damping)
    if following.rectified:
        for _ in range(settings.rectify):
            moments = rectified(data, moments, np.stack([group.weights for group in new]), bias + _shifts(new))
            new = _solved(moments, matrices, tiles, settings.damping)
    return NewLayer(
        weights=np.concatenate([group.weights for group in new]).reshape(weights.shape).astype(REAL),
        bias=(bias + _shifts(new)).astype(REAL),
        error=sum(float(group.error.sum()) for group in new) / energy if energy else 0.0,
    )


def _solved(
    moments: Sequence[Moments], matrices: np.ndarray, tiles: Sequence[Tiles], damping: float
) -> list[NewWeights]:
    return [new_weights(m, w, t, damping) for m, w, t in zip(moments, matrices, tiles, strict=True)]


def _shifts(groups: Sequence[NewWeights]) -> np.ndarray:
    return np.concatenate([group.shift for group in groups])


def _store(model: onnx.ModelProto, layer: _Layer, result: NewLayer) -> LayerReport:
    """Puts the new weights into the file."""
    convolution = layer.convolution
    dtype = finite_weights(convolution).dtype
    weights = result.weights.astype(dtype)
    convolution.store(weights)
    set_bias(model, convolution, result.bias.astype(dtype))
    columns = weights[0].size
    kept = columns - int(dropped_per_group(columns, layer.pattern)[1].sum())
    return layer_report(convolution, weights, kept, layer.pattern, result.error)
