"""`colonnade bench`: one network through Colonnade at several sparsities and through its peers, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from colonnade import api
from colonnade.bench.cpus import available_cpus
from colonnade.bench.harness import Deviation, Timing, interleave
from colonnade.bench.machine import machine_facts
from colonnade.bench.peers import PEERS
from colonnade.bench.progress import labelled, silent
from colonnade.bench.report import Absence, Report, Result, sparsity_text
from colonnade.bench.subject import input_shape, open_model, with_static_shapes
from colonnade.bench.worker import OWN, Worker, WorkerError
from colonnade.errors import ColonnadeError
from colonnade.graph.onnx_import import import_model
from colonnade.graph.reference import run_reference
from colonnade.plan.compiler import Plan, resolve_target
from colonnade.remote.open import open_runner
from colonnade.sparse.prune import TileWish

OWN_TOLERANCE = 1e-4  # of the reference's largest magnitude
PEER_TOLERANCE = 1e-2  # peers may use Winograd transforms of large tiles
_WARMUP = 3
_PAUSE_S = 0.03  # longer than the 20 ms for which ncnn's idle threads spin


@dataclass(frozen=True)
class Options:
    """What to time, and on which runner. `sparsities` are Colonnade's; 0, its dense baseline, is always added."""

    sparsities: Sequence[float] = (0.0, 0.5, 0.75)
    threads: int = 1
    batch: int = 1
    repeat: int = 20
    against: Sequence[str] = tuple(PEERS)
    input_size: int | None = None
    tile: int | TileWish = 8
    group: int | None = None
    skip: Sequence[str] = ()
    plan: Plan = "tuned"
    target: str = "native"
    runner: str = "local"
    seed: int = 0

    def prune(self, model: api.Model, sparsity: float) -> api.Model:
        """The model at a sparsity, with these options' masks."""
        if not sparsity:
            return model
        return api.prune(model, sparsity, tile=self.tile, group=self.group, skip=self.skip, target=self.target)

    def check(self) -> None:
        """ColonnadeError, before any long work, for what the runner cannot time."""
        for name, value in (("threads", self.threads), ("batch", self.batch), ("repeat", self.repeat)):
            if value < 1:
                raise ColonnadeError(f"{name} is {value}: it must be at least 1")
        if self.runner == "qemu":
            raise ColonnadeError("--runner qemu says nothing of time; use local, spike or ssh://USER@HOST")
        if self.runner == "spike" and self.threads != 1:
            raise ColonnadeError(f"--threads: the spike runner models one core: use 1, not {self.threads}")
        if self.runner == "spike" and self.batch != 1:
            raise ColonnadeError(f"--batch: the spike runner models runs of one image: use 1, not {self.batch}")
        if self.runner == "local":
            self._check_here()

    def _check_here(self) -> None:
        open_runner("local", resolve_target(self.target))
        cpus = len(available_cpus())
        if self.threads > cpus:
            raise ColonnadeError(f"threads is {self.threads}: a time would mislead, as this process has {cpus} CPUs")
        for peer in self.against:
            if peer not in PEERS:
                raise ColonnadeError(f"unknown runtime '{peer}': choose from {', '.join(PEERS)}")


@dataclass(frozen=True)
class Entrant:
    """One runtime and the model it runs. `source` is the ONNX file that its output is checked on."""

    runtime: str
    sparsity: float
    model: Path
    source: Path

    @property
    def tolerance(self) -> float:
        return OWN_TOLERANCE if self.runtime == OWN else PEER_TOLERANCE


def run_bench(source: str, options: Options, tell: api.Progress = silent) -> Report:
    """Time `source`, a zoo name or an ONNX file with one input, in every runtime asked for.

    Each output is checked on one random input before anything is timed: a runtime that differs from the reference by
    more than its tolerance gets no time. Raises ColonnadeError for bad input; what a runtime cannot do is in the
    report. `tell(what, done, total)` is called throughout.
    """
    options.check()
    model = open_model(source, input_size=options.input_size, seed=options.seed)
    shape = input_shape(import_model(model.proto, batch=options.batch, input_size=options.input_size))
    x = np.random.default_rng(options.seed).standard_normal(shape, dtype=np.float32)
    # All of them before the first compiles: a bad value costs no minutes.
    variants = {sparsity: options.prune(model, sparsity) for sparsity in sorted({0.0, *options.sparsities})}
    return bench_variants(variants, x, options, tell)


def bench_variants(
    variants: Mapping[float, api.Model], x: np.ndarray, options: Options, tell: api.Progress = silent
) -> Report:
    """Time a network as `run_bench` does, at the sparsities of `variants`, however each was pruned; that of 0 is dense
    and what peers run. x: the input, f32 of the networks' shape. What `options` say of pruning does not matter here."""
    model = variants[0.0]
    with TemporaryDirectory(prefix="colonnade-bench-") as scratch, ExitStack() as workers:
        entrants = _prepare(variants, options, Path(scratch), tell)
        referee = _Referee(x, options.threads)
        admitted: dict[Entrant, Worker] = {}
        errors: dict[Entrant, Deviation] = {}
        absent: list[Absence] = []
        for index, entrant in enumerate(entrants):
            tell(f"check {entrant.runtime}", index, len(entrants))
            try:
                worker = workers.enter_context(Worker(entrant.runtime, entrant.model, x, options.threads))
                errors[entrant] = referee.judge(entrant, worker.output)
                admitted[entrant] = worker
            except WorkerError as error:
                absent.append(_absence(model.name, entrant, options, error))
        timings, failures = interleave(
            admitted,
            warmup=_WARMUP,
            repeat=options.repeat,
            pause_s=_PAUSE_S if options.threads > 1 else 0.0,
            on_round=lambda done, total: tell("time", done, total),
        )
    absent += [_absence(model.name, entrant, options, error) for entrant, error in failures.items()]
    results = tuple(_result(model.name, e, options, timing, errors[e]) for e, timing in timings.items())
    return Report(machine_facts(), referee.name, results, tuple(absent))


def _prepare(variants: Mapping[float, api.Model], options: Options, folder: Path, tell: api.Progress) -> list[Entrant]:
    """Write the ONNX files, compile Colonnade's models, and list who runs what."""
    sources = {sparsity: folder / f"{sparsity:.6g}.onnx" for sparsity in variants}
    for sparsity, source in sources.items():
        pruned = variants[sparsity]
        graph = import_model(pruned.proto, batch=options.batch, input_size=options.input_size)
        api.Model(with_static_shapes(pruned.proto, graph), pruned.name).save(source)
    entrants = [Entrant(peer, 0.0, sources[0.0], sources[0.0]) for peer in options.against]
    for sparsity, source in sources.items():
        compiled = source.with_suffix(".colonnade")
        told = labelled(tell, sparsity_text(sparsity))
        compiled_model = api.compile(
            source, target=options.target, threads=options.threads, plan=options.plan, progress=told
        )
        compiled_model.save(compiled)
        entrants.append(Entrant(OWN, sparsity, compiled, source))
    return entrants


class _Referee:
    """Checks outputs against ONNX Runtime on the same file, or our numpy reference where it is not installed."""

    def __init__(self, x: np.ndarray, threads: int) -> None:
        self.name = "onnxruntime"
        self._x = x
        self._threads = threads
        self._references: dict[Path, np.ndarray] = {}

    def judge(self, entrant: Entrant, output: np.ndarray) -> Deviation:
        """The output's deviation; WorkerError "wrong result" if it is beyond the entrant's tolerance."""
        if entrant.source not in self._references:
            self._references[entrant.source] = self._reference(entrant.source)
        reference = self._references[entrant.source]
        deviation = Deviation.between(output, reference)
        if output.shape != reference.shape:
            raise WorkerError("wrong result", f"output of shape {output.shape}, not {reference.shape}")
        if not deviation.relative <= entrant.tolerance:
            found = f"off by {deviation.relative:.1e} of the largest magnitude, more than {entrant.tolerance:.0e}"
            raise WorkerError("wrong result", found)
        return deviation

    def _reference(self, source: Path) -> np.ndarray:
        try:
            with Worker("onnxruntime", source, self._x, self._threads) as worker:
                return worker.output
        except WorkerError as error:
            if error.status != "absent":
                raise ColonnadeError(
                    f"{source.name}: ONNX Runtime cannot run the model to check against: {error}"
                ) from None
        self.name = "the numpy reference"
        graph = import_model(source)
        return run_reference(graph, {graph.inputs[0]: self._x})[graph.outputs[0]]


def _result(model: str, entrant: Entrant, options: Options, timing: Timing, error: Deviation) -> Result:
    return Result(
        model=model,
        runtime=entrant.runtime,
        sparsity=entrant.sparsity,
        threads=options.threads,
        batch=options.batch,
        median_ms=timing.median_ms,
        min_ms=timing.min_ms,
        max_abs_err=error.max_abs,
        max_rel_err=error.relative,
    )


def _absence(model: str, entrant: Entrant, options: Options, error: Exception) -> Absence:
    return Absence(
        model=model,
        runtime=entrant.runtime,
        sparsity=entrant.sparsity,
        threads=options.threads,
        batch=options.batch,
        status=error.status if isinstance(error, WorkerError) else "failed",
        reason=str(error),
    )
