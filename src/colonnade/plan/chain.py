"""Pairs of convolutions that run panel by panel: a 1x1 one reads a panel of what the one before has just made while it
is still in the caches, instead of all of it from memory later. In residual networks these are the end of a block and the
beginning of the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from colonnade.graph.ir import Conv, Graph
from colonnade.modelfile.program import Step
from colonnade.plan.candidate import Candidate
from colonnade.plan.cost import count_strips
from colonnade.plan.problem import ConvProblem
from colonnade.plan.space import candidate_cycles
from colonnade.plan.traffic import FLOAT_BYTES, Traffic
from colonnade.target.targets import Target

PANELS = (4, 16)  # strips, beside those that the two have by themselves


def chain(
    graph: Graph, problems: Mapping[str, ConvProblem], chosen: Mapping[str, Candidate], target: Target
) -> dict[str, Candidate]:
    """The candidates by node name, chained where the cost rule says that it is worth it, both with the same panels."""
    found, taken = dict(chosen), ""
    for first, second in _pairs(graph):
        pair = _Pair((problems[first], problems[second]), (found[first], found[second]), target)
        if first != taken and pair.fits:
            panel = max(pair.panels, key=pair.saved)
            if pair.saved(panel) > 0:
                found[first], found[second] = pair.chained(panel)
                taken = second
    return found


def _pairs(graph: Graph) -> Iterator[tuple[str, str]]:
    """Names of convolutions that follow each other, of which the second is a 1x1 one of what the first makes."""
    for first, second in pairwise(graph.nodes):
        if isinstance(first.op, Conv) and isinstance(second.op, Conv) and second.inputs[0] == first.output:
            kernel = graph.constants[second.inputs[1]].shape[2:]
            plain = kernel == (1, 1) and second.op.strides == (1, 1) and not any(second.op.pads)
            if plain and second.op.groups == 1 and first.output not in graph.outputs:
                yield first.name, second.name


@dataclass(frozen=True)
class _Pair:
    """Two convolutions and their candidates."""

    problems: tuple[ConvProblem, ConvProblem]
    candidates: tuple[Candidate, Candidate]
    target: Target

    @property
    def fits(self) -> bool:
        """Whether strips of the one are strips of the other: see `unchain`, which looks at the steps."""
        one, other = self.candidates
        alike = one.vectors == other.vectors and not other.packed and not self.target.isa.fuses_tails
        return alike and all(c.by_columns and not (c.turned or c.rowwise or c.shared) for c in self.candidates)

    @property
    def panels(self) -> tuple[int, ...]:
        return (*PANELS, *(candidate.panel for candidate in self.candidates))

    def chained(self, panel: int) -> tuple[Candidate, Candidate]:
        """The candidates so."""
        one, other = self.candidates
        return replace(one, panel=panel, chained=True), replace(other, panel=panel)

    def saved(self, panel: int) -> float:
        """Cycles by the rule: what is not read again from beyond the second-level cache; less what other panels cost, and
        weights of both that take each other's place."""
        pairs = list(zip(self.problems, self.chained(panel), strict=True))
        before = sum(candidate_cycles(*pair, self.target) for pair in zip(self.problems, self.candidates, strict=True))
        after = sum(candidate_cycles(*pair, self.target) for pair in pairs)
        one, other = (self._traffic(*pair) for pair in pairs)
        g = self.problems[0].geometry
        made = FLOAT_BYTES * g.rows * g.batch * g.target.floats
        kept = made * one.lost_far(made)
        together = (one.panels - 1) * (one.weights + other.weights) * one.lost_far(one.passing + other.passing)
        apart = sum((t.panels - 1) * t.weights * t.lost_far(t.passing) for t in (one, other))
        return before - after + (kept - together + apart) * self.target.far_cycles

    def _traffic(self, problem: ConvProblem, candidate: Candidate) -> Traffic:
        strips = count_strips(problem, candidate, self.target).strips
        return Traffic(problem, candidate, self.target, strips, 1, candidate.vectors * self.target.lanes)


def unchain(steps: Sequence[Step]) -> None:
    """Chained steps whose next one can't follow panel by panel are no longer."""
    for step, after in zip(steps, (*steps[1:], None), strict=True):
        if step.chained and not (after and _follows(step, after)):
            step.fields["chained"] = False


def _follows(step: Step, after: Step) -> bool:
    """Whether the strips of both are the same positions, and nothing but what `step` makes is read by `after`."""
    a, b = step.fields, after.fields
    if step.op != "cnm" or after.op != "cnm" or step.views["y"] != after.views["x"] or step.views["strips"]:
        return False
    shape = ("out_h", "out_w", "batch", "vectors", "panel")
    same = all(a[name] == b[name] for name in shape) and a["rows"] == b["channels"]
    none = ("packed", "prepare", "local", "masked", "rowwise", "strip_h", "chained")
    plain = not any(b[name] for name in none) and not (a["rowwise"] or a["local"] or a["strip_h"])
    pointwise = (b["kernel_h"], b["kernel_w"], b["stride_h"], b["stride_w"], b["pad_top"], b["pad_left"]) == (
        1,
        1,
        1,
        1,
        0,
        0,
    )
    planes = (a["y_pitch"], a["y_plane"]) == (b["pitch"], b["plane"])
    cut = bool(a["packed"]) or (a["pitch"], a["plane"]) == (a["y_pitch"], a["y_plane"])
    dense = b["pitch"] == b["out_w"] and b["plane"] == b["pitch"] * b["out_h"]  # type: ignore[operator]
    return same and plain and pointwise and planes and cut and dense
