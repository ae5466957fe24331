"""Interleaved timing: A B C A B C ..., so that drift of the machine's clock or load falls on all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


class Timed(Protocol):
    """Something that can be timed."""

    def time_ms(self) -> float:
        """Run once; wall time in milliseconds."""
        ...


@dataclass(frozen=True)
class Timing:
    """Times of one runner, in milliseconds, in the order they were taken."""

    samples_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.samples_ms)

    @property
    def min_ms(self) -> float:
        return min(self.samples_ms)


def interleave(
    runners: Mapping[Key, Timed],
    *,
    warmup: int,
    repeat: int,
    pause_s: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
    on_round: Callable[[int, int], None] | None = None,
) -> tuple[dict[Key, Timing], dict[Key, Exception]]:
    """Time every runner once per round, in the mapping's order: `warmup` rounds that do not count, then `repeat`.

    Before each run it waits `pause_s` for the previous runner's threads to go to sleep. A runner that raises is left
    out from then on. Returns the times of those that finished and the exceptions of those that did not;
    `on_round(done, total)` is told about progress.
    """
    samples: dict[Key, list[float]] = {key: [] for key in runners}
    failures: dict[Key, Exception] = {}
    total = warmup + repeat
    for index in range(total):
        for key, runner in runners.items():
            if key in failures:
                continue
            sleep(pause_s)
            try:
                elapsed = runner.time_ms()
            except Exception as error:  # whatever it raises, the other runners still deserve their times
                failures[key] = error
                continue
            if index >= warmup:
                samples[key].append(elapsed)
        if on_round is not None:
            on_round(index + 1, total)
    return {key: Timing(tuple(times)) for key, times in samples.items() if key not in failures}, failures


@dataclass(frozen=True)
class Deviation:
    """How far an output is from its reference."""

    max_abs: float
    relative: float  # max_abs over the reference's largest magnitude

    @classmethod
    def between(cls, output: np.ndarray, reference: np.ndarray) -> Deviation:
        """Compare arrays of one shape; anything not finite in the output counts as infinitely far."""
        if output.shape != reference.shape or not np.isfinite(output).all():
            return cls(float("inf"), float("inf"))
        max_abs = float(np.max(np.abs(output.astype(np.float64) - reference), initial=0.0))
        scale = float(np.max(np.abs(reference), initial=0.0))
        return cls(max_abs, max_abs / scale if scale > 0 else max_abs)
