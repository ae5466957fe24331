"""Chooses a candidate for every convolution: by the cost rule, or by profiling each distinct problem once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from colonnade.graph.ir import Graph
from colonnade.plan.choose.borders import BorderChoice
from colonnade.plan.choose.cache import PlanCache
from colonnade.plan.choose.measure import LayerBench, time_together
from colonnade.plan.choose.space import default_candidate, shape_candidates
from colonnade.plan.problem import ConvProblem, conv_problems
from colonnade.plan.ways import Candidate
from colonnade.plan.ways.costs import candidate_cycles
from colonnade.remote.runner import Runner
from colonnade.target.targets import Target

Progress = Callable[[str, int, int], None]

FIRST_ROUNDS = 3  # of every shape
VARIED_ROUNDS = 5  # of the best shapes in other loop orders, and with other T
FINAL_ROUNDS = 11  # of the finalists
FINALISTS = 3
LOOPS_GAIN = 1.3  # no loop order makes a shape faster than this


@dataclass(frozen=True)
class Choice:
    """A convolution's candidate, and its milliseconds when it was measured."""

    candidate: Candidate
    ms: float | None = None


@dataclass(frozen=True)
class NetworkPlan:
    """The convolutions of a network by node name: their problems, borders in memory included, and what was chosen.
    chains: those whose panels are each followed by the next convolution's (choose/chain.py). dense_vectors: V of fully
    connected layers, where several programs share their weights (choose/joint.py)."""

    problems: Mapping[str, ConvProblem]
    choices: Mapping[str, Choice]
    chains: frozenset[str] = frozenset()
    dense_vectors: int | None = None

    @property
    def candidates(self) -> dict[str, Candidate]:
        return {name: choice.candidate for name, choice in self.choices.items()}

    def algorithm(self, name: str) -> str:
        """What was chosen for the convolution `name`, for people."""
        return f"{self.choices[name].candidate}{', chained' * (name in self.chains)}"


def default_plan(graph: Graph, target: Target) -> NetworkPlan:
    """By the cost rule alone; equal problems get equal candidates."""
    borders = BorderChoice(graph, conv_problems(graph))
    chosen: dict[str, Choice] = {}

    def cost(problem: ConvProblem) -> float:
        if problem.digest not in chosen:
            chosen[problem.digest] = Choice(default_candidate(problem, target))
        return candidate_cycles(problem, chosen[problem.digest].candidate, target)

    problems = borders.choose(cost)
    for problem in problems.values():
        cost(problem)
    return _network_plan(problems, chosen)


def tuned_plan(
    graph: Graph, target: Target, threads: int, runner: Runner, cache: PlanCache, progress: Progress
) -> NetworkPlan:
    """The fastest measured candidate of every problem, and the borders by the sums of their times. Cached problems are
    not run again; each new one is stored as soon as it is done."""
    borders = BorderChoice(graph, conv_problems(graph))
    layers = borders.variants()
    total = sum(len(variants) for variants in layers)
    chosen: dict[str, Choice] = {}
    for variants in layers:
        progress(variants[0].name, len(chosen), total)
        times = [cache.load(problem.digest) or {} for problem in variants]
        if not all(known and all(c.fits(p, target) for c in known) for p, known in zip(variants, times, strict=True)):
            times = profile(variants, target, threads, runner)
            for problem, measured in zip(variants, times, strict=True):
                cache.store(problem.digest, measured, repr(problem.geometry))
        for problem, measured in zip(variants, times, strict=True):
            best = min(measured, key=lambda candidate: measured[candidate])
            chosen[problem.digest] = Choice(best, measured[best])
    progress("", total, total)
    return _network_plan(borders.choose(lambda problem: chosen[problem.digest].ms or 0.0), chosen)


def _network_plan(problems: Mapping[str, ConvProblem], chosen: Mapping[str, Choice]) -> NetworkPlan:
    return NetworkPlan(problems, {name: chosen[problem.digest] for name, problem in problems.items()})


def profile(
    variants: Sequence[ConvProblem], target: Target, threads: int, runner: Runner
) -> list[dict[Candidate, float]]:
    """Milliseconds of the finalists of one convolution with several borders, from three rounds of selection: shapes,
    variants of the best (other T, other loop orders), and the finalists of all borders side by side. The best dense
    candidate and the best of each way are always finalists: some need more scratch than others, which a few runs
    find outside the caches."""
    first = LayerBench(variants[0], target, threads, runner)
    benches = [first.of(problem) for problem in variants]
    found = [_finalists(b, p, target) for b, p in zip(benches, variants, strict=True)]
    entries = [(bench, candidate) for bench, finalists in zip(benches, found, strict=True) for candidate in finalists]
    times = iter(time_together(entries, FINAL_ROUNDS))
    return [{candidate: next(times) for candidate in finalists} for finalists in found]


def _finalists(bench: LayerBench, problem: ConvProblem, target: Target) -> list[Candidate]:
    times = bench.time(shape_candidates(problem, target), FIRST_ROUNDS)
    near = {c: ms for c, ms in times.items() if ms < LOOPS_GAIN * min(times.values())}
    varied = [
        variant for candidate in _fastest_of_ways(near, 2) for variant in candidate.loop_variants(problem, target)
    ]
    for candidate in _fastest({c: ms for c, ms in times.items() if c.row_variants(problem, target)}, 2):
        varied += candidate.row_variants(problem, target)
    times |= bench.time(_unique(varied, times), VARIED_ROUNDS)
    dense = {c: ms for c, ms in times.items() if c.dense}
    return _unique([*_fastest(times, FINALISTS), *_fastest(dense, 1), *_fastest_of_ways(times, 1)], ())


def _fastest_of_ways(times: Mapping[Candidate, float], count: int) -> list[Candidate]:
    ways = dict.fromkeys(type(candidate) for candidate in times)
    return [c for way in ways for c in _fastest({c: ms for c, ms in times.items() if type(c) is way}, count)]


def _fastest(times: Mapping[Candidate, float], count: int) -> Sequence[Candidate]:
    return sorted(times, key=lambda candidate: times[candidate])[:count]


def _unique(candidates: Iterable[Candidate], known: Iterable[Candidate]) -> list[Candidate]:
    seen = set(known)
    return [c for c in dict.fromkeys(candidates) if c not in seen]
