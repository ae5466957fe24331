"""Where models run and are timed: one interface for planning and bench, whatever the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

import numpy as np

from colonnade.errors import ColonnadeError
from colonnade.modelfile.reader import Description

# Whose milliseconds a runner reports: a real CPU's, a model's, or nobody's (an emulator for correctness alone).
Clock = Literal["measured", "modelled", "none"]


@dataclass(frozen=True)
class Trial:
    """What one model of a batch did.

    ms: [rounds, steps] milliseconds; no rounds where the runner's clock is "none". error: largest difference from the
    expected outputs, as a fraction of the largest expected magnitude; None if nothing was expected, NaN if the
    outputs hold NaN.
    """

    ms: np.ndarray
    error: float | None


class Runner(Protocol):
    """A machine that runs model files. Close it, or use it in a `with`: it may hold a connection and files.

    Every method raises ColonnadeError in one line: a model this machine cannot run, a connection lost for good, a full
    disk. After an error nothing is left behind and the runner can be used again.
    """

    @property
    def name(self) -> str:
        """As the user wrote it, such as ssh://pi@board."""

    @property
    def clock(self) -> Clock:
        """What the times of `time` are."""

    @property
    def machine(self) -> str:
        """What times depend on besides model and threads: the CPU and the build of its library. Part of cache keys."""

    def run(self, model: bytes, inputs: Mapping[str, np.ndarray], threads: int = 1) -> list[np.ndarray]:
        """All outputs of a model file for inputs by name."""

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
        """Run models of the same inputs and outputs once each, comparing with `expected` (one array per output), then
        `rounds` times in turn (A B C A B C ...). Before each timed run `evict_bytes` of other memory are written."""

    def close(self) -> None:
        """Disconnect and remove every file. A second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Closing:
    """The `with` of a runner."""

    def close(self) -> None:
        """Nothing to give back; runners that hold something say how."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ordered_inputs(model: Description, inputs: Mapping[str, np.ndarray], label: str) -> list[np.ndarray]:
    """The inputs in the model's order, checked: all there, of the model's types and shapes."""
    known = [argument.name for argument in model.inputs]
    for name in inputs:
        if name not in known:
            raise ColonnadeError(f"{label}: no input '{name}'; inputs: {', '.join(known)}")
    for argument in model.inputs:
        if argument.name not in inputs:
            raise ColonnadeError(f"{label}: input '{argument.name}' is missing")
        array = inputs[argument.name]
        if array.dtype != np.dtype(argument.element.dtype) or array.shape != argument.shape:
            raise ColonnadeError(
                f"{label}: input '{argument.name}' must be {argument.element.dtype} of shape {argument.shape}, "
                f"not {array.dtype} of shape {array.shape}"
            )
    return [inputs[name] for name in known]


def relative_error(outputs: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Largest difference as a fraction of the largest expected magnitude, over all outputs; NaN if any is."""
    difference = max((np.abs(y - e).max(initial=0) for y, e in zip(outputs, expected, strict=True)), default=0)
    if any(np.isnan(y).any() for y in outputs):
        return float("nan")
    scale = max((np.abs(e).max(initial=0) for e in expected), default=0)
    return float(difference / scale) if scale else float(difference)
