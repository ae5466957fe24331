"""Depthwise convolutions by window kernels: step, candidates, and what they cost by the rule of plan/cost.py."""

from __future__ import annotations

from colonnade.kernels.depthwise import Window, windows
from colonnade.modelfile.program import Constants, Step, View
from colonnade.plan.candidate import Candidate
from colonnade.plan.conv import activation_fields, plane_fields
from colonnade.plan.cost import call_cycles, store_cycles
from colonnade.plan.problem import ConvProblem
from colonnade.target.targets import Target

PAD_MOVES = 1.1  # of every vector of the input: copied, rows that two bands share twice


def depthwise_step(problem: ConvProblem, candidate: Candidate, constants: Constants, x: View, y: View) -> Step:
    """The step that computes `problem` by `candidate`. Views are of whole values, borders included. Weights go to
    `constants`."""
    g = problem.geometry
    direct = g.reads_as_is
    fields: dict[str, object] = {
        "weights": constants.add_floats(problem.weights),
        "bias": constants.add_floats(problem.bias),
        "kernel": g.kernel[0],
        "stride": g.strides[0],
        "direct": direct,
        **plane_fields(g),
        "tile_rows": candidate.rows,
        "vectors": candidate.vectors,
        **activation_fields(problem.act),
    }
    first = g.source.corner(g.pads) if direct else g.source.origin
    views: dict[str, View | None] = {"x": x.shifted(first), "y": y.shifted(g.target.origin)}
    return Step("depthwise", problem.name, views, fields)


def depthwise_candidates(problem: ConvProblem, target: Target) -> tuple[Candidate, ...]:
    """Every window kernel that the convolution has work for; none if it is not depthwise, or of another kind."""
    g = problem.geometry
    plain = g.groups == g.channels == g.rows and g.dilations == (1, 1) and not problem.residual
    if not plain or g.kernel[0] != g.kernel[1] or g.strides[0] != g.strides[1]:
        return ()
    return tuple(
        Candidate(window.rows, window.vectors, dense=True, window=True)
        for window in windows(target.isa)
        if (window.kernel, window.stride) == (g.kernel[0], g.strides[0])
        and window.rows <= g.out_h
        and (window.vectors - 1) * target.lanes < g.out_w
    )


def depthwise_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """Estimated cycles of one thread; the terms are those of plan/cost.py."""
    g = problem.geometry
    window = Window(g.kernel[0], g.strides[0], candidate.rows, candidate.vectors)
    outputs = candidate.rows * candidate.vectors
    arithmetic = outputs * window.kernel**2 * target.fma_cycles
    loads = window.input_rows * window.kernel * candidate.vectors * target.load_cycles
    compute = arithmetic + loads if target.in_order else max(arithmetic, loads)
    turns = -(-g.out_h // window.rows) * -(-g.out_w // (window.vectors * target.lanes))
    cycles = turns * (compute + outputs * store_cycles(target)) + -(-g.out_h // window.rows) * call_cycles(target)
    if not g.reads_as_is and not target.isa.masked:
        moved = PAD_MOVES * g.height * -(-g.width // target.lanes)
        cycles += moved * target.move_cycles
    return g.batch * g.channels * cycles
