"""How long variants of one network take, whole and layer by layer, on any runner."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from colonnade import api
from colonnade.bench.cpus import pinned
from colonnade.bench.modelled_report import model_nodes
from colonnade.bench.progress import labelled, silent
from colonnade.bench.run import Options
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.modelfile.reader import describe
from colonnade.plan.compiler import compile_graph, resolve_target
from colonnade.remote.open import open_runner
from colonnade.remote.runner import Clock
from colonnade.remote.spike import open_spike


@dataclass(frozen=True)
class LayerTimes:
    """Milliseconds of one layer, one number per variant of the network; NaN where a variant has no such layer, as it
    was merged in some and not in others."""

    name: str
    op: str
    ms: tuple[float, ...]


@dataclass(frozen=True)
class Times:
    """total_ms: of whole runs, one per variant. Measured times are medians: those of layers need not add up to that of
    the whole. Modelled ones do."""

    layers: tuple[LayerTimes, ...]
    total_ms: tuple[float, ...]
    clock: Clock


def milliseconds(clock: Clock) -> str:
    """What a clock's milliseconds are called: those of no real one say so."""
    return "ms" if clock == "measured" else f"{clock} ms"


def time_variants(
    models: Mapping[str, api.Model],
    options: Options,
    batch: int | None = None,
    tell: api.Progress = silent,
    merge: bool = True,
) -> Times:
    """Compile each model by the plan of `options` and run all in turns on its runner; the spike runner models them node
    by node instead (docs/riscv-model.md). No convolution runs panel by panel with the next: then their times would be
    one. batch: None is the file's; merge: as for `optimize`, False to have layers apart. ColonnadeError for what the
    runner cannot time."""
    options.check()
    if options.runner == "spike":
        return _modelled(models, options, tell, merge)
    with (
        open_runner(options.runner, resolve_target(options.target)) as runner,
        pinned(options.threads) if options.runner == "local" else nullcontext(),
    ):
        compiled = [
            compile_graph(
                optimize(import_model(model.proto, batch=batch, input_size=options.input_size), merge=merge),
                target=options.target,
                threads=options.threads,
                plan=options.plan,
                runner=options.runner,
                chain=False,
                progress=labelled(tell, name),
            ).data
            for name, model in models.items()
        ]
        tell("time", 0, 1)
        outsides = [describe(data) for data in compiled]
        random = np.random.default_rng(0)
        feeds = {entry.name: random.standard_normal(entry.shape, dtype=np.float32) for entry in outsides[0].inputs}
        trials = runner.time(compiled, feeds, threads=options.threads, rounds=options.repeat)
        tell("time", 1, 1)
    profiles = [
        [(*step, float(ms)) for step, ms in zip(outside.steps, np.median(trial.ms, axis=0), strict=True)]
        for outside, trial in zip(outsides, trials, strict=True)
    ]
    total = tuple(float(np.median(trial.ms.sum(axis=1))) for trial in trials)
    return Times(_by_layer(profiles), total, runner.clock)


def _modelled(models: Mapping[str, api.Model], options: Options, tell: api.Progress, merge: bool) -> Times:
    target = resolve_target(options.target)
    with open_spike(target) as runner:
        profiles = []
        for name, model in models.items():
            nodes, _ = model_nodes(model, options, target, runner, labelled(tell, name), merge=merge, chain=False)
            profiles.append([(node.name, node.op, node.cost.milliseconds()) for node in nodes])
    total = tuple(sum(ms for _, _, ms in profile) for profile in profiles)
    return Times(_by_layer(profiles), total, runner.clock)


def _by_layer(profiles: Sequence[Sequence[tuple[str, str, float]]]) -> tuple[LayerTimes, ...]:
    """Sum the steps of each layer, in the order in which layers first run."""
    ops: dict[str, str] = {}
    sums: dict[str, list[float]] = {}
    for index, profile in enumerate(profiles):
        for name, op, ms in profile:
            ops.setdefault(name, op)
            row = sums.setdefault(name, [math.nan] * len(profiles))
            row[index] = ms if math.isnan(row[index]) else row[index] + ms
    return tuple(LayerTimes(name, op, tuple(sums[name])) for name, op in ops.items())
