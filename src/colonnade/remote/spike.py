"""The spike simulator as a runner: exact instruction counts and modelled cycles (docs/riscv-model.md), no board needed.

The same model and inputs give the same numbers every time. One core; nothing else runs on it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.modelfile.reader import Description, Source, describe, source_of_copy
from colonnade.remote.runner import Clock, Closing, Trial, ordered_inputs, relative_error
from colonnade.runtime.bare import OUTSIDE, Job, image
from colonnade.target.elf import Image
from colonnade.target.riscv_model import STREAM, CodePrices, CoreModel, ModelledCost, Reading, core_of
from colonnade.target.spike import SpikeRun, find_spike, run_spike
from colonnade.target.targets import TARGET_NAMES, Target

TIMEOUT_S = 3600.0
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Measured:
    """Outputs of a model and the modelled cost of the steps that were measured."""

    outputs: list[np.ndarray]
    cost: ModelledCost


def open_spike(target: Target) -> SpikeRunner:
    """A runner for models of `target`. ColonnadeError if there is no cost model of its core, or no simulator here."""
    core = core_of(target.name)
    if core is None:
        known = ", ".join(name for name in TARGET_NAMES if core_of(name))
        raise ColonnadeError(f"the spike runner has no cost model of {target.name}; it has one of: {known}")
    find_spike()
    return SpikeRunner(image(), core, 8 * target.vector_bytes, jobs=len(os.sched_getaffinity(0)))


class SpikeRunner(Closing):
    """Runs model files on one simulated core of `vlen` bits. jobs: simulations at the same time."""

    clock: Clock = "modelled"

    def __init__(self, program: Image, core: CoreModel, vlen: int, jobs: int = 1, reading: Reading = STREAM) -> None:
        self._image, self._core, self._vlen, self._jobs, self._reading = program, core, vlen, jobs, reading
        self._prices = CodePrices(program, core)
        self._trials: dict[str, Trial] = {}

    @property
    def core(self) -> CoreModel:
        """The core that is modelled."""
        return self._core

    @property
    def name(self) -> str:
        return "spike"

    @property
    def machine(self) -> str:
        return f"modelled {self._core}, VLEN {self._vlen}, {self._reading}, image {self._image.digest}"

    def run(self, model: bytes, inputs: Mapping[str, np.ndarray], threads: int = 1) -> list[np.ndarray]:
        """All outputs of a model file for inputs by name."""
        _check_threads(threads)
        description = describe(model)
        steps = len(description.steps)
        arrays = ordered_inputs(description, inputs, self.name)
        return _outputs(description, self._simulate(Job(model, arrays, steps, steps)))

    def measure(
        self,
        model: bytes,
        inputs: Mapping[str, np.ndarray],
        first: int = 0,
        last: int | None = None,
        evict_bytes: int = 0,
    ) -> Measured:
        """Cost of the steps first .. last - 1 (None: to the end), exactly: the difference of two runs that differ in
        nothing else. The steps before have run once; before them `evict_bytes` of other memory were read.

        If steps are left, their first must be a copy or element by element, and what it would read is the output."""
        description = describe(model)
        arrays = ordered_inputs(description, inputs, self.name)
        end = len(description.steps) if last is None else last
        left = source_of_copy(model, end) if end < len(description.steps) else None
        shown = (left.buffer, left.at, left.bytes) if left else (0, 0, 0)
        before, after = self._simulate_all(
            [Job(model, arrays, first, stop, evict_bytes, shown) for stop in (first, end)]
        )
        outputs = [_strided(left, after)] if left else _outputs(description, after)
        return Measured(outputs, self._difference(before, after))

    def time(
        self,
        models: Sequence[bytes],
        inputs: Mapping[str, np.ndarray],
        *,
        threads: int = 1,
        rounds: int = 1,
        expected: Sequence[np.ndarray] | None = None,
        evict_bytes: int = 0,
    ) -> list[Trial]:
        """Modelled milliseconds of every step, in one round however many are asked for: another would give the same.
        One simulation per step and model: meant for models of a few steps, as the planner makes them. What was tried
        before is not simulated again."""
        _check_threads(threads)
        keys = [_digest(model, inputs, expected, evict_bytes) for model in models]
        new = {key: model for key, model in zip(keys, models, strict=True) if key not in self._trials}
        self._trials |= zip(new, self._try(list(new.values()), inputs, expected, evict_bytes), strict=True)
        return [self._trials[key] for key in keys]

    def _try(
        self,
        models: Sequence[bytes],
        inputs: Mapping[str, np.ndarray],
        expected: Sequence[np.ndarray] | None,
        evict_bytes: int,
    ) -> list[Trial]:
        descriptions = [describe(model) for model in models]
        jobs = [
            Job(model, ordered_inputs(description, inputs, self.name), last, last, evict_bytes)
            for model, description in zip(models, descriptions, strict=True)
            for last in range(len(description.steps) + 1)
        ]
        runs = iter(self._simulate_all(jobs))
        trials = []
        for description in descriptions:
            stages = [next(runs) for _ in range(len(description.steps) + 1)]
            costs = [self._difference(before, after) for before, after in pairwise(stages)]
            ms = np.array([[cost.milliseconds(self._reading) for cost in costs]])
            error = None if expected is None else relative_error(_outputs(description, stages[-1]), expected)
            trials.append(Trial(ms, error))
        return trials

    def _simulate(self, job: Job) -> SpikeRun:
        return run_spike(job.place(self._image), self._vlen, self._core, TIMEOUT_S)

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """work(item) for all items, as many at the same time as there may be simulations, in the order in which they
        are done. The first that fails ends it."""
        with ThreadPoolExecutor(self._jobs) as pool:
            waiting = [pool.submit(work, item) for item in items]
            try:
                for done in as_completed(waiting):
                    yield done.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _simulate_all(self, jobs: Sequence[Job]) -> list[SpikeRun]:
        with ThreadPoolExecutor(self._jobs) as pool:
            return list(pool.map(self._simulate, jobs))

    def _difference(self, before: SpikeRun, after: SpikeRun) -> ModelledCost:
        counts = {at: count - before.histogram.get(at, 0) for at, count in after.histogram.items()}
        return self._prices.cost(counts, after.misses - before.misses, OUTSIDE)


def _check_threads(threads: int) -> None:
    if threads != 1:
        raise ColonnadeError(f"the spike runner models one core: use --threads 1, not {threads}")


def _digest(
    model: bytes, inputs: Mapping[str, np.ndarray], expected: Sequence[np.ndarray] | None, evict_bytes: int
) -> str:
    digest = hashlib.sha256(repr((evict_bytes, sorted(inputs), expected is None)).encode())
    for part in (model, *(array.tobytes() for array in (*inputs.values(), *(expected or ())))):
        digest.update(part)
    return digest.hexdigest()


def _strided(source: Source, run: SpikeRun) -> np.ndarray:
    size, elements = source.element.bytes, np.frombuffer(run.output, source.element.dtype)
    return np.lib.stride_tricks.as_strided(elements, source.dims, [size * stride for stride in source.strides])


def _outputs(description: Description, run: SpikeRun) -> list[np.ndarray]:
    arrays, at = [], 0
    for output in description.outputs:
        count = int(np.prod(output.shape, dtype=np.int64))
        arrays.append(np.frombuffer(run.output, output.element.dtype, count, at).reshape(output.shape))
        at += output.element.bytes * count
    return arrays
