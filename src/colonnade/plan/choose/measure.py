"""Runs candidates of one convolution on a machine: checks each against the numpy oracle, then times them in turn."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from colonnade.elements import Element, element_of_dtype
from colonnade.graph.ir import Conv
from colonnade.graph.reference import conv2d
from colonnade.modelfile.program import Program, Step, View, bound_value, room_for
from colonnade.modelfile.writer import write
from colonnade.plan.copy import Strided, copy_step, dense
from colonnade.plan.planes import Planes
from colonnade.plan.problem import ConvProblem
from colonnade.plan.ways import Candidate
from colonnade.plan.ways.way import Operands
from colonnade.remote.local import LocalRunner
from colonnade.remote.runner import Runner
from colonnade.runtime.binding import checksum
from colonnade.target.targets import Target

TOLERANCE = 1e-4  # of the largest magnitude of the output
LAYER_STEP = 4  # of a LayerBench's model: after a fill and a copy of residual and x
EVICT_BYTES = 4 << 20  # more than the second-level cache of any core we know


class WrongResultError(RuntimeError):
    """A candidate disagrees with the oracle: a bug in Colonnade, never a slow candidate."""


class LayerBench:
    """Sample data of one problem, its right answer, and the machine on which candidates are tried."""

    def __init__(
        self, problem: ConvProblem, target: Target, threads: int, runner: Runner | None = None, seed: int = 0
    ) -> None:
        self._problem, self._target, self._threads = problem, target, threads
        self._runner = runner or LocalRunner()
        g = problem.geometry
        rng = np.random.default_rng(seed)
        # In the order of the data that the step reads and writes: CNHW.
        self._x = _normal(rng, (g.channels, g.batch, g.height, g.width), g.arithmetic.data)
        out = (g.rows, g.batch, g.out_h, g.out_w)
        self._residual = _normal(rng, out, g.arithmetic.outputs) if problem.residual else None
        self._expected = self._oracle()

    def _oracle(self) -> np.ndarray:
        p, g = self._problem, self._problem.geometry
        op = Conv(g.strides, g.pads, g.dilations, g.groups, p.residual, p.act)
        weights = p.weights.reshape(g.rows, g.channels // g.groups, *g.kernel)
        residual = None if self._residual is None else np.swapaxes(self._residual, 0, 1)
        return np.swapaxes(conv2d(np.swapaxes(self._x, 0, 1), weights, p.bias, op, residual), 0, 1)

    def of(self, variant: ConvProblem) -> LayerBench:
        """The bench of the same convolution with other borders, on the same data."""
        other = copy(self)
        other._problem = variant
        return other

    def time(self, candidates: Sequence[Candidate], rounds: int) -> dict[Candidate, float]:
        """Milliseconds of each candidate; see `time_together`."""
        return dict(zip(candidates, time_together([(self, c) for c in candidates], rounds), strict=True))

    def model(self, candidate: Candidate) -> bytes:
        """A model file of the one layer, computed by `candidate`."""
        return write(self._program(candidate), checksum)

    @property
    def _feeds(self) -> dict[str, np.ndarray]:
        return {"x": self._x} if self._residual is None else {"x": self._x, "r": self._residual}

    def _program(self, candidate: Candidate) -> Program:
        """Inputs are copied to the arena first, where the network would have them, the residual before the newer x; the
        output is copied from there."""
        program = Program(self._target)
        g = self._problem.geometry
        views: dict[str, View] = {}
        for index, (name, array) in enumerate(self._feeds.items()):
            program.inputs.append(bound_value(name, array.shape, element_of_dtype(array.dtype), "input", index))
        for value in reversed(program.inputs):
            planes = g.source if value.name == "x" else g.target
            views[value.name], walked = _stored(value.shape, planes)
            fields: dict[str, object] = {"count": views[value.name].storage.elements, "value": 0.0}
            program.steps.append(Step("fill", value.name, {"y": views[value.name]}, fields))
            program.steps.append(copy_step(value.name, value.shape, dense(View(value.storage), value.shape), walked))
        y, walked = _stored(self._expected.shape, g.target)
        x, r = views["x"], views.get("r")
        step = candidate.step(self._problem, self._target, Operands(program.constants, x, y, r))
        program.steps.append(step)
        out = bound_value("y", self._expected.shape, g.arithmetic.outputs, "output", 0)
        program.outputs.append(out)
        program.steps.append(copy_step("y", out.shape, walked, dense(View(out.storage), out.shape)))
        return program


def time_together(entries: Sequence[tuple[LayerBench, Candidate]], rounds: int) -> list[float]:
    """Milliseconds of candidates on benches of the same data, the fastest of `rounds` in which all take turns: on a
    busy machine noise only adds. Before each run the second-level cache is filled with something else, as the rest of a
    network would. Modelled times are the same in every round. WrongResultError if one's output is not the oracle's."""
    if not entries:
        return []
    bench = entries[0][0]
    trials = bench._runner.time(
        [one.model(candidate) for one, candidate in entries],
        bench._feeds,
        threads=bench._threads,
        rounds=1 if bench._runner.clock == "modelled" else rounds,
        expected=[bench._expected],
        evict_bytes=EVICT_BYTES,
    )
    for (_, candidate), trial in zip(entries, trials, strict=True):
        if trial.error is None or not trial.error <= TOLERANCE:
            raise WrongResultError(
                f"{bench._problem.name}: {candidate} is wrong by {trial.error} of the largest output"
            )
    step = LAYER_STEP if bench._problem.residual else LAYER_STEP - 2
    return [float(trial.ms[:, step].min()) for trial in trials]


def _normal(rng: np.random.Generator, shape: tuple[int, ...], element: Element) -> np.ndarray:
    return rng.standard_normal(shape).astype(element.dtype)


def _stored(shape: tuple[int, ...], planes: Planes) -> tuple[View, Strided]:
    """Memory for images [channel][image][y][x], and how they lie in it."""
    view = View(room_for(shape[0] * shape[1] * planes.elements, planes.element))
    return view, Strided(view.shifted(planes.origin), planes.strides(shape[1]))
