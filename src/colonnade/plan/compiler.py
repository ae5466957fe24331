"""Compiles an optimised graph: problems -> plan -> program -> model file. The stages, in their order."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic
from colonnade.graph.ir import Graph
from colonnade.modelfile.writer import write
from colonnade.plan.choose.cache import PlanCache, default_cache_dir
from colonnade.plan.choose.chain import chained
from colonnade.plan.choose.tuner import NetworkPlan, default_plan, tuned_plan
from colonnade.plan.images import lower_parts, plan_parts
from colonnade.remote.open import open_runner
from colonnade.remote.runner import Runner
from colonnade.runtime.binding import check_model, checksum, targets
from colonnade.target.targets import TARGET_NAMES, TARGETS, Target, target_named

Plan = Literal["tuned", "default"]


@dataclass(frozen=True)
class LayerPlan:
    """What was chosen for one convolution, for all images of a batch. ms: measured when tuning, None for the default
    plan; kept_macs: multiply-adds of the kept columns; dense: all columns are computed, zeros included."""

    name: str
    shape: str
    macs: int
    kept_macs: int
    algorithm: str
    ms: float | None
    dense: bool


@dataclass(frozen=True)
class CompiledModel:
    """A model file in memory, and what was chosen for each convolution."""

    data: bytes = field(repr=False)
    target: str
    layers: tuple[LayerPlan, ...]
    notes: tuple[str, ...] = ()  # what was done otherwise than the ONNX file says

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file; an interrupted write leaves nothing behind."""
        write_atomic(Path(path), self.data)


def compile_graph(
    graph: Graph,
    *,
    target: str = "native",
    threads: int = 1,
    plan: Plan = "tuned",
    runner: str = "local",
    chain: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
    cache_dir: Path | None = None,
) -> CompiledModel:
    """Compile `graph` (optimised, static shapes) for `target`, to be run with `threads` threads.

    A tuned plan is measured on `runner` (remote/open.py). chain: pairs of convolutions may run panel by panel, and then
    the second's own step has nothing to do (plan/choose/chain.py). progress(name, done, total) is called before each
    problem is tuned and at the end. Profiles are kept in `cache_dir`, by default the user's cache directory."""
    if threads < 1:
        raise ColonnadeError(f"threads must be at least 1, not {threads}")
    if plan not in get_args(Plan):
        raise ColonnadeError(f"plan '{plan}' is neither {' nor '.join(get_args(Plan))}")
    planned = resolve_target(target)
    if plan == "default":
        parts = plan_parts(graph, lambda part: default_plan(part, planned))
    else:
        with open_runner(runner, planned) as machine:
            _check_clock(machine)
            cache = PlanCache(cache_dir or default_cache_dir(), machine_key(machine, planned, threads))
            tell = progress or (lambda *_: None)
            parts = plan_parts(graph, lambda part: tuned_plan(part, planned, threads, machine, cache, tell))
    if chain:
        parts = tuple(replace(part, plan=chained(part.plan, part.graph, planned)) for part in parts)
    layers = tuple(_layer(name, part.plan, part.repeats) for part in parts for name in part.plan.choices)
    compiled = CompiledModel(write(lower_parts(parts, planned), checksum), planned.name, layers, graph.notes)
    check_model(compiled.data, "compiled model")  # what the target's runtime would refuse is refused now
    return compiled


def resolve_target(target: str) -> Target:
    """The target of that name; native: the first one with the best instruction set that this CPU has."""
    if target == "native":
        best = [name for name, runs in targets() if runs][-1]
        return next(known for known in TARGETS if known.isa.name == best)
    if target not in TARGET_NAMES:
        raise ColonnadeError(f"unknown target '{target}'; known: native, {', '.join(TARGET_NAMES)}")
    return target_named(target)


def machine_key(runner: Runner, target: Target, threads: int) -> str:
    """What profiles depend on besides the problem."""
    return f"{runner.machine}; {target.name}; threads {threads}"


def _check_clock(runner: Runner) -> None:
    if runner.clock == "none":
        raise ColonnadeError(f"--runner {runner.name} says nothing of time, so it cannot tune; use --plan default")


def _layer(name: str, plan: NetworkPlan, repeats: int) -> LayerPlan:
    problem, choice = plan.problems[name], plan.choices[name]
    g, candidate = problem.geometry, choice.candidate
    groups = f", {g.groups} groups" if g.groups > 1 else ""
    stride = f" s{g.strides[0]}" if g.strides != (1, 1) else ""
    return LayerPlan(
        name=problem.name,
        shape=f"{g.channels}->{g.rows} {g.kernel[0]}x{g.kernel[1]}{stride} @{g.out_h}x{g.out_w}{groups}",
        macs=repeats * g.macs,
        kept_macs=repeats * candidate.kept_weights(problem) * g.positions,
        algorithm=plan.algorithm(name),
        ms=None if choice.ms is None else repeats * choice.ms,
        dense=candidate.dense or not problem.sparse,
    )
