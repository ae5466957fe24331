"""This machine as a runner: sessions in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.remote.runner import Clock, Closing, Trial, relative_error
from colonnade.runtime.binding import build_id
from colonnade.runtime.session import Session
from colonnade.target.cpu import cpu_model


@dataclass(frozen=True)
class _ModelBytes:
    """What a session opens."""

    data: bytes


class LocalRunner(Closing):
    """Runs model files with the library of this process."""

    clock: Clock = "measured"
    name = "local"

    @property
    def machine(self) -> str:
        return f"{cpu_model()}; build {build_id()}"

    def run(self, model: bytes, inputs: Mapping[str, np.ndarray], threads: int = 1) -> list[np.ndarray]:
        """All outputs of a model file for inputs by name."""
        return Session(_ModelBytes(model), threads=threads).run(None, inputs)

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
        """Measured milliseconds of every step, and the error of the first run of each model."""
        sessions = [Session(_ModelBytes(model), threads=threads) for model in models]
        errors = [
            None if expected is None else relative_error(outputs, expected)
            for outputs in (session.run(None, inputs) for session in sessions)
        ]
        other_memory = np.zeros(evict_bytes, np.uint8)
        taken: list[list[np.ndarray]] = [[] for _ in sessions]
        for _ in range(rounds):
            for session, times in zip(sessions, taken, strict=True):
                other_memory += 1
                times.append(session.profile_once(inputs))
        return [
            Trial(np.array(times).reshape(rounds, -1) / 1e6, error) for times, error in zip(taken, errors, strict=True)
        ]
