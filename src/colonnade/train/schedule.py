"""When masks are chosen during training, and at which sparsity. Steps are those of the optimiser, from 0."""

from __future__ import annotations

from dataclasses import dataclass

from colonnade.errors import ColonnadeError


@dataclass(frozen=True)
class OneShot:
    """One choice before the first step; the masks then stay."""

    def sparsity(self, step: int, final: float) -> float | None:
        """Sparsity at which masks are chosen anew before `step`, None where they stay."""
        return final if step == 0 else None

    def settled_at(self) -> int:
        """The step before which the final sparsity is reached."""
        return 0


@dataclass(frozen=True)
class Gradual:
    """Sparsity grows from 0 at step `begin` to the final one `steps` later, s(t) = final * (1 - (1 - t / steps)^3),
    chosen anew every `every` steps (Zhu and Gupta 2017, section 3). What is dropped never returns."""

    steps: int
    begin: int = 0
    every: int = 10

    def __post_init__(self) -> None:
        _check_positive("gradual", steps=self.steps, every=self.every)
        if self.begin < 0:
            raise ColonnadeError(f"gradual: begin is {self.begin}: it must be at least 0")

    def sparsity(self, step: int, final: float) -> float | None:
        """As in `OneShot`."""
        passed = step - self.begin
        if not 0 <= passed <= self.steps or (passed % self.every and passed != self.steps):
            return None
        return final * (1 - (1 - passed / self.steps) ** 3)

    def settled_at(self) -> int:
        """As in `OneShot`."""
        return self.begin + self.steps


@dataclass(frozen=True)
class StraightThrough:
    """Masks are chosen anew every `every` steps among all weights, until step `until` if given: gradients pass to
    dropped weights too, which may return (Zhou et al. 2021, section 3; without their decay)."""

    every: int = 100
    until: int | None = None

    def __post_init__(self) -> None:
        _check_positive("straight-through", every=self.every, until=1 if self.until is None else self.until)

    def sparsity(self, step: int, final: float) -> float | None:
        """As in `OneShot`."""
        return None if step % self.every or (self.until is not None and step > self.until) else final

    def settled_at(self) -> int:
        """As in `OneShot`."""
        return 0


Schedule = OneShot | Gradual | StraightThrough


def _check_positive(schedule: str, **values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ColonnadeError(f"{schedule}: {name} is {value}: it must be at least 1")
