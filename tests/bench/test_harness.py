"""Interleaved timing with runners that only pretend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.bench.harness import Deviation, Timing, interleave


class FakeRunner:
    """Takes the times it is given, and notes each turn in a shared log."""

    def __init__(self, name: str, times: list[float], log: list[str]) -> None:
        self.name, self.times, self.log = name, iter(times), log

    def time_ms(self) -> float:
        self.log.append(self.name)
        try:
            return next(self.times)
        except StopIteration:
            raise RuntimeError(f"{self.name} died") from None


def test_runners_take_turns_and_warmup_does_not_count() -> None:
    log: list[str] = []
    runners = {name: FakeRunner(name, times, log) for name, times in {"a": [9, 1, 3], "b": [9, 5, 4]}.items()}
    timings, failures = interleave(runners, warmup=1, repeat=2)
    assert log == ["a", "b", "a", "b", "a", "b"]
    assert timings == {"a": Timing((1, 3)), "b": Timing((5, 4))}
    assert failures == {}


@pytest.mark.parametrize("survives", [0, 1, 2])
def test_runner_that_fails_loses_its_times_and_stops_nobody(survives: int) -> None:
    log: list[str] = []
    runners = {"a": FakeRunner("a", [1.0] * survives, log), "b": FakeRunner("b", [2.0] * 3, log)}
    timings, failures = interleave(runners, warmup=1, repeat=2)
    assert timings == {"b": Timing((2.0, 2.0))}
    assert str(failures["a"]) == "a died"
    assert log.count("a") == survives + 1  # not asked again


def test_pause_before_every_run_and_progress_after_every_round() -> None:
    log: list[str] = []
    pauses: list[float] = []
    rounds: list[tuple[int, int]] = []
    runners = {name: FakeRunner(name, [1.0] * 3, log) for name in "ab"}
    interleave(
        runners, warmup=1, repeat=2, pause_s=0.5, sleep=pauses.append, on_round=lambda *done: rounds.append(done)
    )
    assert pauses == [0.5] * 6
    assert rounds == [(1, 3), (2, 3), (3, 3)]


@given(st.lists(st.floats(0.01, 1e4), min_size=1))
def test_median_has_half_the_samples_on_each_side(samples: list[float]) -> None:
    timing = Timing(tuple(samples))
    assert sum(s < timing.median_ms for s in samples) <= len(samples) / 2
    assert sum(s > timing.median_ms for s in samples) <= len(samples) / 2
    assert timing.min_ms == sorted(samples)[0]


def test_deviation_is_relative_to_the_largest_magnitude() -> None:
    found = Deviation.between(np.array([1.0, -8.0]), np.array([1.5, -10.0]))
    assert found == Deviation(max_abs=2.0, relative=0.2)


@pytest.mark.parametrize("output", [[np.nan, 1.0], [np.inf, 1.0], [1.0]], ids=["nan", "inf", "shape"])
def test_deviation_of_unusable_output_is_infinite(output: list[float]) -> None:
    assert Deviation.between(np.array(output), np.array([1.0, 1.0])).relative == np.inf
