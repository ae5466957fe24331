"""Prunes each layer as far as a goal for the whole network asks, and no layer further than it pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from colonnade import api
from colonnade.accuracy.classifier import Classifier, open_classifier
from colonnade.bench.progress import silent
from colonnade.bench.run import Options
from colonnade.bench.subject import open_model
from colonnade.bench.timing import time_variants
from colonnade.budget.goal import Goal
from colonnade.budget.sensitivity import relative_error
from colonnade.budget.tables import DENSE, Tables, calibrated, measure
from colonnade.calibrate.settings import Calibration
from colonnade.data import Dataset, Preprocess, Skipped, read_all
from colonnade.remote.runner import Clock
from colonnade.sparse.pattern import Level


@dataclass(frozen=True)
class Outcome:
    """Milliseconds of whole runs of the two networks, and whose they are: medians in turns, or modelled."""

    dense: float
    pruned: float
    clock: Clock


@dataclass(frozen=True)
class Allocation:
    """The pruned model and the level of each layer that was considered. cost: of the whole network, as in the
    tables; predicted: the sum of the errors of its layers; error: of all of them together, on all images. outcome:
    for a goal about time; skipped: images that could not be decoded."""

    model: api.Model
    goal: Goal
    tables: Tables
    levels: Mapping[str, Level]
    cost: float
    predicted: float
    error: float
    outcome: Outcome | None
    skipped: tuple[Skipped, ...]


def allocate(
    source: str,
    data: Dataset,
    goal: Goal,
    options: Options,
    settings: Calibration | None = None,
    preprocess: Preprocess | None = None,
    tell: api.Progress = silent,
    tiles: Sequence[int] = (),
) -> Allocation:
    """Prune the classifier `source` (a zoo name or an ONNX file), each layer to one of `options.sparsities` in one of
    `tiles` (none: the tile of `options`), or not at all, such that its scores for the images of `data` change as little
    as `goal` allows.

    Layers are pruned by what they do on these images (`calibrate_model`), by `settings`. ColonnadeError for a
    goal out of reach, which says how far this network goes.
    """
    if goal.timed:
        options.check()
    model = open_model(source, input_size=options.input_size)
    dense = _open(model, options)
    read = read_all(data, dense.shape, preprocess)
    images = read.x
    tables = measure(model, images, goal, options, settings, tell, tiles)
    curve = tables.curve
    found = curve.within(goal.limit(tables.dense_cost)) or curve.point(0)  # in reach, but for rounding
    levels = {layer: tables.levels[option] for layer, option in zip(tables.layers, found.options[1:], strict=True)}
    some = any(level != DENSE for level in levels.values())
    pruned = calibrated(model, images, DENSE.sparsity, levels, options, settings, tell) if some else model
    error = relative_error(_open(pruned, options).scores(images)[0], dense.scores(images)[0])
    outcome = _outcome(model, pruned, options, tell) if goal.timed else None
    return Allocation(pruned, goal, tables, levels, found.cost, found.loss, error, outcome, read.skipped)


def _outcome(dense: api.Model, pruned: api.Model, options: Options, tell: api.Progress) -> Outcome:
    times = time_variants({"dense": dense, "pruned": pruned}, options, tell=tell)
    before, after = times.total_ms
    return Outcome(before, after, times.clock)


def _open(model: api.Model, options: Options) -> Classifier:
    return open_classifier(model.proto, name=model.name, input_size=options.input_size, threads=options.threads)
