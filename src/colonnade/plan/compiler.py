"""Compiles an optimised graph: problems -> plan -> program -> model file. The stages, in their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic
from colonnade.graph.batches import images_of
from colonnade.graph.ir import Graph
from colonnade.modelfile.program import Constants
from colonnade.modelfile.writer import write_programs
from colonnade.plan.choose.cache import PlanCache, default_cache_dir
from colonnade.plan.choose.chain import chained
from colonnade.plan.choose.joint import alike
from colonnade.plan.choose.tuner import NetworkPlan, default_plan, tuned_plan
from colonnade.plan.images import Part, lower_parts, plan_parts
from colonnade.plan.lowering.matrix import dense_shape
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways import Candidate
from colonnade.remote.open import open_runner
from colonnade.remote.runner import Runner
from colonnade.runtime.binding import check_model, checksum, targets
from colonnade.target.targets import TARGET_NAMES, TARGETS, Target, target_named

Plan = Literal["tuned", "default"]

DENSE_ROWS = 4  # images at once for which fully connected layers choose V, where programs of several batches share them


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
class ProgramPlan:
    """What was chosen for one shape of the inputs. more_bytes: of weights and tables that the programs before do not
    have; of the first program all."""

    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    layers: tuple[LayerPlan, ...]
    more_bytes: int


@dataclass(frozen=True)
class CompiledModel:
    """A model file in memory, and what was chosen for each convolution: `layers` are those of the first program."""

    data: bytes = field(repr=False)
    target: str
    layers: tuple[LayerPlan, ...]
    notes: tuple[str, ...] = ()  # what was done otherwise than the ONNX file says
    programs: tuple[ProgramPlan, ...] = ()

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
    """Compile `graph` (optimised, static shapes) for `target`, to be run with `threads` threads. Everything else as in
    `compile_graphs`."""
    return compile_graphs(
        [Shaped(graph)],
        target=target,
        threads=threads,
        plan=plan,
        runner=runner,
        chain=chain,
        progress=progress,
        cache_dir=cache_dir,
    )


@dataclass(frozen=True)
class Shaped:
    """A network for one shape of its inputs. images: of a batch, if they are known not to depend on each other; else
    0."""

    graph: Graph
    images: int = 0


def compile_graphs(
    networks: Sequence[Shaped],
    *,
    target: str = "native",
    threads: int = 1,
    plan: Plan = "tuned",
    runner: str = "local",
    chain: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
    cache_dir: Path | None = None,
) -> CompiledModel:
    """Compile one network for several shapes of its inputs, each of which becomes a program of the model file. Programs
    share weights as far as the plans can be made alike (plan/choose/joint.py).

    A tuned plan is measured on `runner` (remote/open.py). chain: pairs of convolutions may run panel by panel, and then
    the second's own step has nothing to do (plan/choose/chain.py). progress(name, done, total) is called before each
    problem is tuned and at the end. Profiles are kept in `cache_dir`, by default the user's cache directory."""
    if threads < 1:
        raise ColonnadeError(f"threads must be at least 1, not {threads}")
    if plan not in get_args(Plan):
        raise ColonnadeError(f"plan '{plan}' is neither {' nor '.join(get_args(Plan))}")
    planned = resolve_target(target)
    graphs = [network.graph for network in networks]
    if plan == "default":
        cache: PlanCache | None = None
        of_programs = [plan_parts(graph, lambda part: default_plan(part, planned)) for graph in graphs]
    else:
        with open_runner(runner, planned) as machine:
            _check_clock(machine)
            cache = PlanCache(cache_dir or default_cache_dir(), machine_key(machine, planned, threads))
            tell = progress or (lambda *_: None)
            of_programs = [
                plan_parts(graph, lambda part: tuned_plan(part, planned, threads, machine, cache, tell))
                for graph in graphs
            ]
    if len(graphs) > 1:
        of_programs = _alike(of_programs, max(map(images_of, graphs)), planned, cache)
    if chain:
        of_programs = [
            tuple(replace(part, plan=chained(part.plan, part.graph, planned)) for part in parts)
            for parts in of_programs
        ]
    return _written(networks, of_programs, planned)


def _alike(
    programs: list[tuple[Part, ...]], images: int, target: Target, cache: PlanCache | None
) -> list[tuple[Part, ...]]:
    """The parts of several programs, the largest of so many images, with plans that share weights. cache: of what was
    measured, if anything."""

    def known(problem: ConvProblem) -> Mapping[Candidate, float]:
        return (cache and cache.load(problem.digest)) or {}

    vectors = dense_shape(target, min(images, DENSE_ROWS)).vectors
    plans = iter(alike([part.plan for parts in programs for part in parts], target, known, vectors))
    return [tuple(replace(part, plan=next(plans)) for part in parts) for parts in programs]


def _written(networks: Sequence[Shaped], programs: Sequence[tuple[Part, ...]], target: Target) -> CompiledModel:
    """The model file of planned programs, and what it says of them."""
    constants, lowered, plans = Constants(), [], []
    for network, parts in zip(networks, programs, strict=True):
        before = constants.total_bytes
        program = lower_parts(parts, target, constants)
        program.images = network.images
        lowered.append(program)
        layers = tuple(_layer(name, part.plan, part.repeats) for part in parts for name in part.plan.choices)
        inputs = tuple((value.name, value.shape) for value in program.inputs)
        plans.append(ProgramPlan(inputs, layers, constants.total_bytes - before))
    data = write_programs(lowered, checksum)
    compiled = CompiledModel(data, target.name, plans[0].layers, networks[0].graph.notes, tuple(plans))
    check_model(data, "compiled model")  # what the target's runtime would refuse is refused now
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
