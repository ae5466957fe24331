"""Depthwise convolutions by window kernels (kernels/depthwise.py, csrc/steps/depthwise.c)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from colonnade.kernels.depthwise import Window, windows
from colonnade.modelfile.program import Step, View
from colonnade.modelfile.steps import Fields, Work
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways.costs import call_cycles, store_cycles
from colonnade.plan.ways.step_fields import activation_fields, moved_numbers, plane_fields
from colonnade.plan.ways.way import Candidate, Operands
from colonnade.target.targets import Target

PAD_MOVES = 1.1  # of every vector of the input: copied, and lines that two bands share twice


@dataclass(frozen=True)
class Windows(Candidate):
    """Window kernels compute some lines of outputs of one plane at once: for depthwise 3x3 and 5x5 convolutions of
    stride 1 and 2, without dilation and residual.

    lines: lines of outputs that a window kernel computes at once, its R.
    vectors: vectors of each of these lines.
    """

    step_kind: ClassVar[str] = "depthwise"

    lines: int
    vectors: int

    @property
    def variety(self) -> tuple[int, int]:
        return self.lines, self.vectors

    def __str__(self) -> str:
        return f"depthwise {self.lines}x{self.vectors}v"

    @classmethod
    def candidates(cls, problem: ConvProblem, target: Target) -> Iterator[Windows]:
        """Every window kernel that the convolution has work for; none if it is not depthwise, or of another kind."""
        g = problem.geometry
        plain = g.groups == g.channels == g.rows and g.dilations == (1, 1) and not problem.residual
        if not plain or g.kernel[0] != g.kernel[1] or g.strides[0] != g.strides[1]:
            return
        for window in windows(target.isa):
            same = (window.kernel, window.stride) == (g.kernel[0], g.strides[0])
            if same and window.lines <= g.out_h and (window.vectors - 1) * g.lanes(target) < g.out_w:
                yield cls(window.lines, window.vectors)

    def fits(self, problem: ConvProblem, target: Target) -> bool:
        return self in self.candidates(problem, target)

    def cycles(self, problem: ConvProblem, target: Target) -> float:
        g = problem.geometry
        window = Window(g.kernel[0], g.strides[0], self.lines, self.vectors)
        outputs = self.lines * self.vectors
        arithmetic = outputs * window.kernel**2 * target.fma_cycles
        loads = window.input_lines * window.kernel * self.vectors * target.load_cycles
        compute = arithmetic + loads if target.in_order else max(arithmetic, loads)
        bands = -(-g.out_h // window.lines)
        strips = bands * -(-g.out_w // (window.vectors * g.lanes(target)))
        cycles = strips * (compute + outputs * store_cycles(target)) + bands * call_cycles(target)
        if not g.reads_as_is and not target.isa.masks_lanes:
            moved = PAD_MOVES * g.height * -(-g.width // g.lanes(target))
            cycles += moved * target.move_cycles
        return g.batch * g.channels * cycles

    def stored_weights(self, problem: ConvProblem) -> int:
        return problem.weights.size

    def reads_past(self, problem: ConvProblem, in_arena: bool) -> bool:
        return problem.geometry.reads_as_is

    def form(self, problem: ConvProblem) -> Hashable:
        return type(self)

    def step(self, problem: ConvProblem, target: Target, operands: Operands) -> Step:
        assert operands.residual is None
        g = problem.geometry
        direct = g.reads_as_is
        fields: dict[str, object] = {
            "weights": operands.constants.add(problem.weights, g.arithmetic.weights),
            "bias": operands.constants.add(problem.bias, g.arithmetic.sums),
            "kernel": g.kernel[0],
            "stride": g.strides[0],
            "direct": direct,
            **plane_fields(g),
            "lines": self.lines,
            "vectors": self.vectors,
            **activation_fields(problem.act),
        }
        first = g.source.corner(g.pads) if direct else g.source.origin
        views: dict[str, View | None] = {"x": operands.x.shifted(first), "y": operands.y.shifted(g.target.origin)}
        return Step("depthwise", problem.name, views, fields)

    @classmethod
    def of_step(cls, fields: Fields, sparse: bool) -> Windows:
        return cls(fields["lines"], fields["vectors"])

    @classmethod
    def work(cls, fields: Fields, ints: np.ndarray) -> Work:
        taps = fields["channels"] * fields["kernel"] ** 2
        macs = taps * fields["batch"] * fields["out_h"] * fields["out_w"]
        return Work(moved_numbers(fields), macs, macs, taps + fields["channels"])
