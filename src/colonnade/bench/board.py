"""`colonnade bench --runner ssh://...`: a network at several sparsities on another machine, by the runtime it is
deployed with. Other runtimes are not there to compare with."""

from __future__ import annotations

import numpy as np

from colonnade import api
from colonnade.bench.harness import Deviation
from colonnade.bench.progress import labelled, silent
from colonnade.bench.report import Report, Result, sparsity_text
from colonnade.bench.run import OWN_TOLERANCE, Options
from colonnade.bench.subject import input_shape, open_model
from colonnade.bench.worker import OWN
from colonnade.graph.onnx_import import import_model
from colonnade.graph.reference import run_reference
from colonnade.plan.choose.measure import WrongResultError
from colonnade.plan.compiler import resolve_target
from colonnade.remote.open import open_runner
from colonnade.remote.runner import Runner


def run_on_board(source: str, options: Options, tell: api.Progress = silent) -> Report:
    """Time `source`, a zoo name or an ONNX file with one input, on the runner of `options`. A run's time is
    the sum of its steps'. Outputs are compared with the numpy oracle first.

    ColonnadeError for bad input, a machine that cannot be reached, or an emulator, whose time says nothing."""
    options.check()
    model = open_model(source, input_size=options.input_size, seed=options.seed)
    shape = input_shape(import_model(model.proto, batch=options.batch, input_size=options.input_size))
    x = np.random.default_rng(options.seed).standard_normal(shape, dtype=np.float32)
    with open_runner(options.runner, resolve_target(options.target)) as runner:
        results = [
            _result(model, sparsity, options, runner, x, labelled(tell, sparsity_text(sparsity)))
            for sparsity in sorted({0.0, *options.sparsities})
        ]
        return Report({"cpu": runner.machine, "runner": runner.name}, "the numpy reference", tuple(results))


def _result(
    model: api.Model, sparsity: float, options: Options, runner: Runner, x: np.ndarray, tell: api.Progress
) -> Result:
    pruned = options.prune(model, sparsity)
    graph = import_model(pruned.proto, batch=options.batch, input_size=options.input_size)
    compiled = api.compile(
        pruned,
        target=options.target,
        threads=options.threads,
        batch=options.batch,
        input_size=options.input_size,
        plan=options.plan,
        runner=runner.name,
        progress=tell,
    )
    feeds = {graph.inputs[0]: x}
    expected = run_reference(graph, feeds)[graph.outputs[0]]
    tell("check", 0, 2)
    deviation = Deviation.between(runner.run(compiled.data, feeds, options.threads)[0], expected)
    if not deviation.relative <= OWN_TOLERANCE:
        raise WrongResultError(f"{model.name} {sparsity_text(sparsity)} is wrong by {deviation.relative}")
    tell("time", 1, 2)
    (trial,) = runner.time([compiled.data], feeds, threads=options.threads, rounds=options.repeat)
    ms = trial.ms.sum(axis=1)
    return Result(
        model=model.name,
        runtime=OWN,
        sparsity=sparsity,
        threads=options.threads,
        batch=options.batch,
        median_ms=float(np.median(ms)),
        min_ms=float(ms.min()),
        max_abs_err=deviation.max_abs,
        max_rel_err=deviation.relative,
    )
