"""Chooses a candidate for every convolution: by the cost rule, or by profiling each distinct problem once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from colonnade.kernels.shapes import Shape, shapes
from colonnade.plan.cache import PlanCache
from colonnade.plan.candidate import Candidate
from colonnade.plan.measure import LayerBench
from colonnade.plan.problem import ConvProblem
from colonnade.plan.space import default_candidate, loop_variants, shape_candidates
from colonnade.remote.runner import Runner
from colonnade.target.targets import Target

Progress = Callable[[str, int, int], None]

FIRST_ROUNDS = 3  # of every shape
LOOP_ROUNDS = 5  # of the best shapes in other loop orders
FINAL_ROUNDS = 11  # of the finalists
FINALISTS = 3


@dataclass(frozen=True)
class Choice:
    """A convolution's candidate, and its milliseconds when it was measured."""

    candidate: Candidate
    ms: float | None = None


def default_plan(problems: Mapping[str, ConvProblem], target: Target, threads: int) -> dict[str, Choice]:
    """By the cost rule alone; equal problems get equal candidates."""
    by_digest = {problem.digest: problem for problem in problems.values()}
    chosen = {digest: Choice(default_candidate(problem, target, threads)) for digest, problem in by_digest.items()}
    return {name: chosen[problem.digest] for name, problem in problems.items()}


def tuned_plan(
    problems: Mapping[str, ConvProblem],
    target: Target,
    threads: int,
    runner: Runner,
    cache: PlanCache,
    progress: Progress,
) -> dict[str, Choice]:
    """The fastest measured candidate of every problem. Cached problems are not run again; each new one is stored as
    soon as it is done."""
    by_digest = {problem.digest: problem for problem in problems.values()}
    chosen: dict[str, Choice] = {}
    for done, (digest, problem) in enumerate(by_digest.items()):
        progress(problem.name, done, len(by_digest))
        times = cache.load(digest)
        if times is None or not all(Shape(c.rows, c.vectors) in shapes(target.isa) for c in times):
            times = profile(problem, target, threads, runner)
            cache.store(digest, times, repr(problem.geometry))
        best = min(times, key=lambda candidate: times[candidate])
        chosen[digest] = Choice(best, times[best])
    progress("", len(by_digest), len(by_digest))
    return {name: chosen[problem.digest] for name, problem in problems.items()}


def profile(problem: ConvProblem, target: Target, threads: int, runner: Runner) -> dict[Candidate, float]:
    """Milliseconds of the finalists, from three rounds of selection: shapes, loop orders of the best two, and the
    finalists side by side. For a pruned layer the best dense candidate is always a finalist."""
    bench = LayerBench(problem, target, threads, runner)
    times = bench.time(shape_candidates(problem, target, threads), FIRST_ROUNDS)
    variants = [
        variant for candidate in _fastest(times, 2) for variant in loop_variants(problem, candidate, target, threads)
    ]
    times |= bench.time(_unique(variants, times), LOOP_ROUNDS)
    finalists = [*_fastest(times, FINALISTS), *_fastest({c: ms for c, ms in times.items() if c.dense}, 1)]
    return bench.time(_unique(finalists, ()), FINAL_ROUNDS)


def _fastest(times: Mapping[Candidate, float], count: int) -> Sequence[Candidate]:
    return sorted(times, key=lambda candidate: times[candidate])[:count]


def _unique(candidates: Iterable[Candidate], known: Iterable[Candidate]) -> list[Candidate]:
    seen = set(known)
    return [c for c in dict.fromkeys(candidates) if c not in seen]
