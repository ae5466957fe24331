"""The step of a convolution, whichever way its candidate computes it."""

from __future__ import annotations

from colonnade.modelfile.program import Constants, Step, View
from colonnade.plan.candidate import Candidate
from colonnade.plan.conv import conv_step
from colonnade.plan.depthwise import depthwise_step
from colonnade.plan.problem import ConvProblem
from colonnade.plan.vertical import vertical_step
from colonnade.plan.winograd import winograd_step
from colonnade.target.targets import Target


def convolution_step(
    problem: ConvProblem,
    candidate: Candidate,
    target: Target,
    constants: Constants,
    x: View,
    y: View,
    residual: View | None,
) -> Step:
    """The step that computes `problem` by `candidate`. Views are of whole values, borders included. Weights and tables
    go to `constants`."""
    if candidate.window:
        assert residual is None
        return depthwise_step(problem, candidate, constants, x, y)
    lowered = vertical_step if candidate.vertical > 1 else winograd_step if candidate.winograd > 1 else conv_step
    return lowered(problem, candidate, target, constants, x, y, residual)
