"""`colonnade forecast`: how fast a network would be at given sparsities, before anyone trains it.

Time depends on which columns are kept, not on the weights' values, so masks made by the pruning rule from whatever
weights the file holds give the time of a trained model. No file is written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from colonnade import api
from colonnade.bench.cpus import pinned
from colonnade.bench.harness import interleave
from colonnade.bench.modelled_report import MODELLED, ModelledOptions, run_modelled
from colonnade.bench.progress import labelled, silent
from colonnade.bench.report import sparsity_text
from colonnade.bench.run import Options
from colonnade.bench.subject import open_model
from colonnade.bench.worker import OWN
from colonnade.graph.onnx_import import import_model
from colonnade.runtime.session import Session

_WARMUP = 2


@dataclass(frozen=True)
class LayerForecast:
    """Median milliseconds of one layer, one number per variant of the network."""

    name: str
    op: str
    ms: tuple[float, ...]


@dataclass(frozen=True)
class Forecast:
    """`total_ms` are whole runs, one per sparsity; the layers are profiled one by one and need not add up to them."""

    model: str
    sparsities: tuple[float, ...]
    layers: tuple[LayerForecast, ...]
    total_ms: tuple[float, ...]
    clock: str = "measured"


@dataclass(frozen=True)
class _Timed:
    """A session with its feeds."""

    session: Session
    feeds: dict[str, np.ndarray]

    def time_ms(self) -> float:
        start = time.perf_counter()
        self.session.run(None, self.feeds)
        return (time.perf_counter() - start) * 1e3


def forecast(source: str, options: Options, batch: int | None = None, tell: api.Progress = silent) -> Forecast:
    """Time `source`, a zoo name or an ONNX file, dense and at each sparsity of `options`, on this machine. batch: None
    is the file's."""
    options.check()
    model = open_model(source, input_size=options.input_size)
    import_model(
        model.proto, batch=batch, input_size=options.input_size
    )  # what cannot be compiled fails before minutes of it
    wanted = tuple(sorted({0.0, *options.sparsities}))
    pruned = {sparsity_text(sparsity): options.prune(model, sparsity) for sparsity in wanted}
    layers, total_ms = time_layers(pruned, options, batch, tell)
    return Forecast(model.name, wanted, layers, total_ms)


def time_layers(
    models: Mapping[str, api.Model], options: Options, batch: int | None = None, tell: api.Progress = silent
) -> tuple[tuple[LayerForecast, ...], tuple[float, ...]]:
    """The layers of variants of one network, profiled one by one, and median milliseconds of whole runs in turns."""
    with pinned(options.threads):
        timed = _opened(models, options, batch, tell)
        total = _medians(timed, options, tell)
        profiles = [one.session.profile(one.feeds, options.repeat) for one in timed.values()]
    return _by_layer(profiles), tuple(total.values())


def time_models(models: Mapping[str, api.Model], options: Options, tell: api.Progress = silent) -> dict[str, float]:
    """Median milliseconds of a whole run of each model, taken as `forecast` takes them: compiled by the plan of
    `options`, and run in turns on this machine."""
    with pinned(options.threads):
        return _medians(_opened(models, options, None, tell), options, tell)


def _opened(
    models: Mapping[str, api.Model], options: Options, batch: int | None, tell: api.Progress
) -> dict[str, _Timed]:
    timed = {}
    for name, model in models.items():
        compiled = api.compile(
            model,
            target=options.target,
            threads=options.threads,
            batch=batch,
            input_size=options.input_size,
            plan=options.plan,
            progress=labelled(tell, name),
        )
        session = Session(compiled, threads=options.threads)
        timed[name] = _Timed(session, _random_feeds(session))
    return timed


def _medians(timed: Mapping[str, _Timed], options: Options, tell: api.Progress) -> dict[str, float]:
    times, failures = interleave(
        timed, warmup=_WARMUP, repeat=options.repeat, on_round=lambda done, total: tell("time", done, total)
    )
    for error in failures.values():
        raise error
    return {name: timing.median_ms for name, timing in times.items()}


def forecast_modelled(source: str, options: ModelledOptions, tell: api.Progress = silent) -> Forecast:
    """The same on a simulated core, where layers add up to the whole (docs/riscv-model.md)."""
    report = run_modelled([source], options, tell)
    rows = [row for row in report.results if row.runtime == OWN]
    ms = 1e3 / report.hertz
    profiles = [[(layer.name, layer.op, layer.cycles * ms) for layer in row.layers] for row in rows]
    total = tuple(row.cycles * ms for row in rows)
    return Forecast(rows[0].model, tuple(row.sparsity for row in rows), _by_layer(profiles), total, MODELLED)


def _random_feeds(session: Session) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {entry.name: random.standard_normal(entry.shape, dtype=np.float32) for entry in session.get_inputs()}


def _by_layer(profiles: Sequence[Sequence[tuple[str, str, float]]]) -> tuple[LayerForecast, ...]:
    """Sum the steps of each layer, in the order in which layers first run."""
    ops: dict[str, str] = {}
    sums: dict[str, list[float]] = {}
    for index, profile in enumerate(profiles):
        for name, op, ms in profile:
            ops.setdefault(name, op)
            sums.setdefault(name, [0.0] * len(profiles))[index] += ms
    return tuple(LayerForecast(name, op, tuple(sums[name])) for name, op in ops.items())
