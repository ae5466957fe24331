"""Models run by the command `colonnade-run` on some host: its command line and what it prints (csrc/turns.c)."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from colonnade.data.arrays import NO_ARRAY
from colonnade.errors import ColonnadeError
from colonnade.modelfile.reader import Argument, describe
from colonnade.remote.runner import Clock, Closing, Trial, ordered_inputs
from colonnade.runtime.binding import printable, readable


@dataclass(frozen=True)
class Job:
    """One call of `colonnade-run` in a folder of its own: files to put there by plain name, arguments, and the names of
    files to bring back."""

    arguments: Sequence[str]
    files: Mapping[str, bytes]
    results: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """What a call gave. code: the exit code, or minus the signal that ended it; files: none after a failure."""

    code: int
    out: bytes
    err: bytes
    files: Mapping[str, bytes]


class Host(Protocol):
    """Something that can call `colonnade-run`."""

    @property
    def cpu(self) -> str:
        """The CPU's name."""

    def execute(self, job: Job) -> Outcome:
        """Call it; the job's folder is gone at the latest when the next one starts. ColonnadeError if it cannot be
        called."""

    def close(self) -> None:
        """Give back what the host holds."""


class ProgramRunner(Closing):
    """A runner of models on `host`. name: as the user wrote it; clock "none" reports no times."""

    def __init__(self, name: str, clock: Clock, host: Host) -> None:
        self._name, self._clock, self._host = name, clock, host

    @property
    def name(self) -> str:
        return self._name

    @property
    def clock(self) -> Clock:
        return self._clock

    @cached_property
    def machine(self) -> str:
        """The host's CPU, and what its `colonnade-run` says of its version and build."""
        version = self._execute(Job(["--version"], {})).out
        return f"{self._host.cpu}; {readable(version.strip())}"

    def run(self, model: bytes, inputs: Mapping[str, np.ndarray], threads: int = 1) -> list[np.ndarray]:
        """All outputs of a model file for inputs by name."""
        description = describe(model)
        arguments, files = self._inputs([model], inputs, threads)
        results = {f"y{i}.npy": output for i, output in enumerate(description.outputs)}
        for name in results:
            arguments += ["--output", name]
        outcome = self._execute(Job(arguments, files, tuple(results)))
        return [self._result(outcome.files[name], output) for name, output in results.items()]

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
        """The times of every step, and the error of the first run of each model; one call for all models."""
        if not models:
            return []
        arguments, files = self._inputs(models, inputs, threads)
        arguments += ["--turns", str(rounds if self._clock != "none" else 0), "--evict", str(evict_bytes)]
        for i, array in enumerate(expected or ()):
            files[f"e{i}.npy"] = _npy(array)
            arguments += ["--expect", f"e{i}.npy"]
        return self._trials(models, self._execute(Job(arguments, files)).out.decode(errors="replace"))

    def close(self) -> None:
        self._host.close()

    def _inputs(
        self, models: Sequence[bytes], inputs: Mapping[str, np.ndarray], threads: int
    ) -> tuple[list[str], dict[str, bytes]]:
        """Arguments and files that both ways of calling have."""
        files = {f"m{i}": model for i, model in enumerate(models)}
        arguments = [*files, "--threads", str(threads)]
        for i, array in enumerate(ordered_inputs(describe(models[0]), inputs, self._name)):
            files[f"x{i}.npy"] = _npy(array)
            arguments += ["--input", f"x{i}.npy"]
        return arguments, files

    def _result(self, file: bytes, output: Argument) -> np.ndarray:
        """The array in an .npy file that holds `output`."""
        try:
            array = np.load(io.BytesIO(file), allow_pickle=False)
        except NO_ARRAY:
            array = None
        if not isinstance(array, np.ndarray) or (array.shape, array.dtype) != (output.shape, output.element.dtype):
            raise ColonnadeError(f"{self._name}: the answer of colonnade-run for '{printable(output.name)}' is damaged")
        return array

    def _execute(self, job: Job) -> Outcome:
        outcome = self._host.execute(job)
        if outcome.code:
            raise ColonnadeError(f"{self._name}: {_reason(outcome, job)}")
        return outcome

    def _trials(self, models: Sequence[bytes], answer: str) -> list[Trial]:
        """What the lines of --turns say."""
        times: list[list[list[float]]] = [[] for _ in models]
        errors: dict[int, float] = {}
        last = ""
        try:
            for kind, *words in _lines(answer):
                last = kind
                if kind == "turn":
                    times[int(words[0])].append([float(word) / 1e6 for word in words[1:]])
                elif kind == "error":
                    errors[int(words[0])] = float(words[1])
            steps = [len(describe(model).steps) for model in models]
            tables = [np.array(rows).reshape(len(rows), count) for rows, count in zip(times, steps, strict=True)]
        except (ValueError, IndexError):
            last = ""
        if last != "done":
            raise ColonnadeError(f"{self._name}: the answer of colonnade-run was cut short; try again")
        return [Trial(table, errors.get(i)) for i, table in enumerate(tables)]


def _lines(answer: str) -> Iterator[list[str]]:
    return (line.split() for line in answer.splitlines() if line.strip())


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.require(array, requirements="C"), allow_pickle=False)
    return stream.getvalue()


def _reason(outcome: Outcome, job: Job) -> str:
    """Why a call failed, in one line: the runner's own error without our names of files, or else the last words."""
    if outcome.code < 0:
        number = -outcome.code
        known = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        hint = "; does the machine have enough memory?" if number == signal.SIGKILL else ""
        return f"colonnade-run was ended by {known}{hint}"
    words = [
        readable(line.strip().encode()) for line in outcome.err.decode(errors="replace").splitlines() if line.strip()
    ]
    errors = [line.removeprefix("error: ") for line in words if line.startswith("error: ")]
    if not errors:
        return f"colonnade-run failed with code {outcome.code}: {words[-1] if words else 'it said nothing'}"
    about, separator, rest = errors[0].partition(": ")
    return rest if separator and about in job.files else errors[0]
