"""The verbs of the Python API: load, check, prune, compile, evaluate. `Session` runs what `compile` makes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from colonnade.accuracy.classifier import Classifier, open_classifier
from colonnade.accuracy.evaluation import Evaluation
from colonnade.accuracy.evaluation import evaluate as evaluate_classifiers
from colonnade.calibrate.prune import calibrate_model
from colonnade.calibrate.settings import DEFAULT_SAMPLES, Calibration
from colonnade.data import Batch, Preprocess, Skipped, open_dataset, parse_preprocess, read_all
from colonnade.errors import ColonnadeError, ColonnadeWarning
from colonnade.graph.onnx_file import read_model
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.plan.check import SPARSITIES, Outlook, check_model
from colonnade.plan.choose.tiles import tile_chooser
from colonnade.plan.compiler import CompiledModel, Plan, Shaped, compile_graphs, resolve_target
from colonnade.plan.shapes import Plane, Wanted, import_shapes
from colonnade.plan.stages import compile_stages
from colonnade.sparse import PruneReport, prune_model, save_model
from colonnade.sparse.prune import DEFAULT_TILE, Own, TileWish

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


@dataclass(frozen=True)
class Model:
    """An ONNX model, what to call it, and, if `prune` made it, what was done to each layer, and the images to prune by
    that could not be decoded."""

    proto: onnx.ModelProto
    name: str
    report: PruneReport | None = None
    skipped: tuple[Skipped, ...] = ()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an ONNX file, whole or not at all."""
        save_model(self.proto, Path(path))


def load(path: str | os.PathLike[str]) -> Model:
    """Read an ONNX file. ColonnadeError if it is missing, damaged or not ONNX."""
    proto, _ = read_model(path)
    return Model(proto, Path(path).stem)


def check(
    model: Model | str | os.PathLike[str],
    *,
    target: str = "native",
    sparsities: Sequence[float] = SPARSITIES,
    tile: int | TileWish = DEFAULT_TILE,
    group: int | None = None,
    skip: Sequence[str] = (),
    batch: int | None = None,
    input_size: tuple[int, int] | int | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> Outlook:
    """What `compile` and `prune` would say of a model, or of the ONNX file at a path: nodes that cannot be imported,
    layers that would be pruned and why others stay dense, and how many times as fast as dense the convolutions are
    expected to be at each of `sparsities`. The other options are those of `prune` and `compile`. Nothing is timed.
    ColonnadeError for a file that cannot be read at all, and for options out of range."""
    return check_model(
        model.proto if isinstance(model, Model) else model,
        resolve_target(target),
        sparsities=sparsities,
        tile=tile,
        group=group,
        skip=skip,
        batch=batch,
        input_size=input_size,
        shapes=shapes,
    )


def prune(
    model: Model | str | os.PathLike[str],
    sparsity: float,
    *,
    tile: int | TileWish = 8,
    group: int | None = None,
    skip: Sequence[str] = (),
    target: str = "native",
    own: Own | None = None,
    calibrate: np.ndarray | str | os.PathLike[str] | None = None,
    samples: int = DEFAULT_SAMPLES,
    preprocess: Preprocess | str | None = None,
    input_size: int | None = None,
    settings: Calibration | None = None,
    work_folder: Path | None = None,
    progress: Progress | None = None,
) -> Model:
    """Zero whole columns of each tile of `tile` output channels of a model, or of the ONNX file at a path, until
    `sparsity` (0 to 1) of a layer is zeros.

    Of every `group` consecutive columns the same number is kept (None: one group of all columns). The stem, depthwise
    convolutions, fully connected layers and those named in `skip` stay dense. tile "fastest": per layer the one
    that is estimated to run fastest on `target`; "auto": the smallest near it. own: sparsities of single layers by
    name, instead of `sparsity`, or `Level(sparsity, tile)`; 0 leaves a layer dense. ColonnadeError for values out of
    range.

    `calibrate`: images, f32 [N, C, H, W] or a path that `open_dataset` reads, of which `samples` are drawn by the
    settings' seed. Then columns, weights and biases come from what the network does on them (`calibrate_model`), by
    `settings`; work that was killed goes on in `work_folder`. `preprocess` and `input_size` are as for `evaluate`.
    """
    if not isinstance(model, Model):
        model = load(model)
    choose = None
    if isinstance(tile, str):
        choose = tile_chooser(optimize(import_model(model.proto)), resolve_target(target), group, tile)
    if calibrate is None:
        proto, report = prune_model(
            model.proto, sparsity=sparsity, tile=tile, group=group, skip=skip, choose_tile=choose, own=own
        )
        _warn_unless_compilable(proto)
        return Model(proto, model.name, report)
    settings = settings or Calibration()
    if isinstance(calibrate, np.ndarray):
        images = Batch(calibrate, None)
    else:
        images = _read_images(model, calibrate, samples, settings.seed, preprocess, input_size)
    proto, report = calibrate_model(
        model.proto,
        images.x,
        sparsity=sparsity,
        tile=tile,
        group=group,
        skip=skip,
        choose_tile=choose,
        own=own,
        settings=settings,
        work_folder=work_folder,
        progress=progress or (lambda *_: None),
    )
    return Model(proto, model.name, report, images.skipped)


def _warn_unless_compilable(proto: onnx.ModelProto) -> None:
    """Whoever prunes is told at once that zeros will not make this model faster here."""
    try:
        import_model(proto)
    except ColonnadeError as error:
        warnings.warn(f"it is pruned, but compile would refuse it: {error}", ColonnadeWarning, stacklevel=3)


def _read_images(
    model: Model,
    path: str | os.PathLike[str],
    samples: int,
    seed: int,
    preprocess: Preprocess | str | None,
    input_size: int | None,
) -> Batch:
    """At most `samples` images of a data set, as the model takes them."""
    graph = import_model(model.proto, input_size=input_size)
    shape = graph.shape(graph.inputs[0])
    if len(graph.inputs) != 1 or len(shape) != 4:
        raise ColonnadeError(f"{model.name}: its input is not one image; calibration needs a model with such")
    chosen = parse_preprocess(preprocess) if isinstance(preprocess, str) else preprocess
    return read_all(open_dataset(path).sample(samples, seed), (shape[1], shape[2], shape[3]), chosen)


def compile(
    model: Model | str | os.PathLike[str],
    *,
    target: str = "native",
    threads: int = 1,
    batch: int | Sequence[int] | None = None,
    input_size: Plane | Sequence[Plane] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    plan: Plan = "tuned",
    runner: str = "local",
    progress: Progress | None = None,
    cache_dir: Path | None = None,
    fallback: str | None = None,
) -> CompiledModel:
    """Compile a model, or the ONNX file at a path, for `threads` threads of `target`.

    `batch` and `input_size` (H, W, or one number) fix or override the input's shape; without them it is what the file
    fixes, else 1 and 224. Lists of them make a program for every pair, in one file; of sizes a list, as a tuple of two
    numbers is one. `shapes` gives whole shapes of inputs by name. plan "tuned" profiles every distinct layer on
    `runner` (local, spike, ssh://USER@HOST); "default" measures nothing. fallback "onnxruntime": ONNX Runtime runs the
    nodes that cannot be imported, inside the same `Session` on this machine; the file is then another than for a model
    without such nodes (docs/fallback.md).
    """
    source = model.proto if isinstance(model, Model) else model

    def compiled(networks: Sequence[Shaped]) -> CompiledModel:
        return compile_graphs(
            networks, target=target, threads=threads, plan=plan, runner=runner, progress=progress, cache_dir=cache_dir
        )

    wanted = Wanted.of(batch, input_size, shapes)
    if fallback is not None:
        if target != "native" or runner != "local":
            raise ColonnadeError("a fallback runs on this machine alone; leave out the target and the runner")
        staged = compile_stages(source, fallback, lambda graph: compiled([Shaped(graph)]), wanted)
        if staged is not None:
            return staged
    return compiled(import_shapes(source, wanted))


def evaluate(
    model: Model | CompiledModel | str | os.PathLike[str],
    data: str | os.PathLike[str],
    *,
    against: Model | CompiledModel | str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    preprocess: Preprocess | str | None = None,
    samples: int | None = None,
    seed: int = 0,
    batch: int | None = None,
    threads: int = 1,
    input_size: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Top-1, top-5 and speed of a classifier, and how it differs from `against` on the same images.

    Models are compiled ones (a path that ends in .colonnade), or ONNX, which is compiled with the default plan for
    `batch` and `input_size`. `data` and `labels` name what `open_dataset` reads; `preprocess` is what
    `parse_preprocess` reads, and needed unless images are f32. `samples` images are drawn by `seed`, classes in
    proportion; None: all. ColonnadeError for whatever does not fit.
    """
    images = open_dataset(data, labels)
    if samples is not None:
        images = images.sample(samples, seed)
    chosen = parse_preprocess(preprocess) if isinstance(preprocess, str) else preprocess

    def opened(source: Model | CompiledModel | str | os.PathLike[str]) -> Classifier:
        content, name = (source.proto, source.name) if isinstance(source, Model) else (source, None)
        return open_classifier(content, name=name, batch=batch, input_size=input_size, threads=threads)

    classifiers = [opened(source) for source in (model, against) if source is not None]
    return evaluate_classifiers(images, classifiers, chosen, progress or (lambda *_: None))
