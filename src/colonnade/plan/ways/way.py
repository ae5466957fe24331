"""What every way to compute a convolution has in common.

A *way* is one class below `Candidate`. `WAYS` in `ways/__init__.py` lists them all. An object of such a class is one
candidate: that way, with everything chosen that may be chosen. A way's file says which problems it fits, which
candidates are worth a look, what each costs by the cost rule, how many weights it stores, which step computes it, and
how much work that step is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, Self, get_args, get_origin, get_type_hints

import numpy as np

from colonnade.modelfile.program import Constants, Step, View
from colonnade.modelfile.steps import Fields, Work
from colonnade.plan.problem import ConvProblem
from colonnade.target.targets import Target

ALL_STRIPS = 1 << 24  # a panel of all strips: tile-outer loops


@dataclass(frozen=True)
class Operands:
    """What a step reads and writes: whole values, borders included; and where its weights and tables go."""

    constants: Constants
    x: View
    y: View
    residual: View | None


@dataclass(frozen=True)
class Candidate(ABC):
    """One way to compute a convolution, fully chosen. The docstring of a way says what each of its fields means; these
    lines are shown in docs/ways.md."""

    step_kind: ClassVar[str]  # of the step that computes it

    @property
    def kind(self) -> Hashable:
        """Of each way and kind the tuner tries the first few, by the cost rule."""
        return None

    @property
    @abstractmethod
    def variety(self) -> Hashable:
        """What is left when T and the loop order are taken away: of each variety the tuner tries the cheapest only,
        for the cost rule knows more of T and of loops than of the rest."""

    @property
    def dense(self) -> bool:
        """Whether all columns are computed, zeros included."""
        return True

    @classmethod
    @abstractmethod
    def candidates(cls, problem: ConvProblem, target: Target) -> Iterator[Self]:
        """The candidates that the cost rule ranks; none where this way does not fit."""

    @abstractmethod
    def fits(self, problem: ConvProblem, target: Target) -> bool:
        """Whether this candidate, read from a file perhaps, can compute `problem` on `target`."""

    def loop_variants(self, problem: ConvProblem, target: Target) -> tuple[Self, ...]:
        """The same micro-kernel in other loop orders."""
        return ()

    def row_variants(self, problem: ConvProblem, target: Target) -> tuple[Self, ...]:
        """The same with other T."""
        return ()

    @abstractmethod
    def cycles(self, problem: ConvProblem, target: Target) -> float:
        """Estimated cycles of one thread (docs/planning.md), without what must come from memory in any case."""

    @abstractmethod
    def stored_weights(self, problem: ConvProblem) -> int:
        """How many weights the model file holds for it."""

    def form(self, problem: ConvProblem) -> Hashable:
        """How the weights lie in the model file: candidates of one form store the same bytes for one convolution,
        whatever the size of its images. A way that does not say so shares nothing."""
        return self

    def kept_weights(self, problem: ConvProblem) -> int:
        """How many weights of the layer it computes with."""
        return problem.geometry.rows * problem.geometry.columns

    def reads_past(self, problem: ConvProblem, in_arena: bool) -> bool:
        """Whether it reads its input where it lies, in whole vectors, and so past its end too. in_arena: the input lies
        in the arena; else it is the caller's."""
        return False

    @abstractmethod
    def step(self, problem: ConvProblem, target: Target, operands: Operands) -> Step:
        """The step that computes `problem`."""

    @classmethod
    @abstractmethod
    def of_step(cls, fields: Fields, sparse: bool) -> Self:
        """The candidate that a step was made from, as far as its record tells. sparse: it leaves columns out."""

    @classmethod
    @abstractmethod
    def work(cls, fields: Fields, ints: np.ndarray) -> Work:
        """What a step of this way does; `ints` is the model file's table of whole numbers."""

    @classmethod
    def from_fields(cls, values: Mapping[str, object]) -> Self:
        """A candidate read from a file. KeyError, TypeError or ValueError unless every field is there and makes
        sense."""
        hints = get_type_hints(cls)
        for field in fields(cls):
            _check_field(field.name, hints[field.name], values[field.name])
        return cls(**values)


@dataclass(frozen=True)
class TiledCandidate(Candidate):
    """One that multiplies tiles of weights by strips of data, with a micro-kernel of kernels/shapes.py.

    rows: T of its micro-kernel (docs/kernels.md).
    vectors: V of its micro-kernel.
    """

    rows: int
    vectors: int


def _check_field(name: str, hint: object, value: object) -> None:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{name} is {value!r}")
    elif type(value) is not hint:
        raise TypeError(f"{name} is {value!r}")
    elif hint is int and isinstance(value, int) and value < 1:
        raise ValueError(f"{name} is {value}")


def panel_text(panel: int) -> str:
    """A number of strips, or of lines of patches, for people."""
    return "all" if panel >= ALL_STRIPS else str(panel)
