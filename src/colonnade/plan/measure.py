"""Runs candidates of one convolution on this machine: checks each against the numpy oracle, then times them in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from colonnade.graph.ir import Conv
from colonnade.graph.reference import conv2d
from colonnade.modelfile.program import Program, Storage, Value, View
from colonnade.modelfile.writer import write
from colonnade.plan.candidate import Candidate
from colonnade.plan.conv import conv_step
from colonnade.plan.copy import copy_step, dense
from colonnade.plan.problem import ConvProblem
from colonnade.runtime.binding import checksum
from colonnade.runtime.session import Session
from colonnade.target.targets import Target

TOLERANCE = 1e-4  # of the largest magnitude of the output
EVICT_BYTES = 4 << 20  # more than the second-level cache of any core we know


class WrongResultError(RuntimeError):
    """A candidate disagrees with the oracle: a bug in Colonnade, never a slow candidate."""


@dataclass(frozen=True)
class CompiledLayer:
    """Bytes of a model of one layer."""

    data: bytes


class LayerBench:
    """Sample data of one problem, its right answer, and the sessions of the candidates tried on it."""

    def __init__(self, problem: ConvProblem, target: Target, threads: int, seed: int = 0) -> None:
        self._problem, self._target, self._threads = problem, target, threads
        g = problem.geometry
        rng = np.random.default_rng(seed)
        # In the order of the data that the step reads and writes: CNHW.
        self._x = rng.standard_normal((g.channels, g.batch, g.height, g.width), dtype=np.float32)
        out = (g.rows, g.batch, g.out_h, g.out_w)
        self._residual = rng.standard_normal(out, dtype=np.float32) if problem.residual else None
        self._expected = self._oracle()
        self._evict = np.zeros(EVICT_BYTES // 4, np.float32)

    def _oracle(self) -> np.ndarray:
        p, g = self._problem, self._problem.geometry
        op = Conv(g.strides, g.pads, g.dilations, g.groups, p.residual, p.act)
        weights = p.weights.reshape(g.rows, g.channels // g.groups, *g.kernel)
        residual = None if self._residual is None else np.swapaxes(self._residual, 0, 1)
        return np.swapaxes(conv2d(np.swapaxes(self._x, 0, 1), weights, p.bias, op, residual), 0, 1)

    def session(self, candidate: Candidate) -> Session:
        """A session of `candidate` that gave the right answer. WrongResultError otherwise."""
        session = Session(CompiledLayer(write(self._program(candidate), checksum)), threads=self._threads)
        result = session.run(None, self._feeds)[0]
        error = np.abs(result - self._expected).max()
        if not error <= TOLERANCE * np.abs(self._expected).max():
            raise WrongResultError(f"{self._problem.name}: {candidate} is wrong by {error:.3g}")
        return session

    def time(self, candidates: Sequence[Candidate], rounds: int) -> dict[Candidate, float]:
        """Milliseconds of each candidate, the fastest of `rounds` in which all take turns: on a busy machine noise only
        adds. Before each run the second-level cache is filled with something else, as the rest of a network would."""
        sessions = {candidate: self.session(candidate) for candidate in candidates}
        times: dict[Candidate, list[float]] = {candidate: [] for candidate in candidates}
        for _ in range(rounds):
            for candidate, session in sessions.items():
                self._evict += 1.0
                times[candidate].append(session.profile_once(self._feeds)[-1] / 1e6)
        return {candidate: min(taken) for candidate, taken in times.items()}

    @property
    def _feeds(self) -> dict[str, np.ndarray]:
        return {"x": self._x} if self._residual is None else {"x": self._x, "r": self._residual}

    def _program(self, candidate: Candidate) -> Program:
        """Inputs are copied to the arena first, where the network would have them; the last step is the layer."""
        program = Program(self._target.isa.name, self._target.lanes)
        views: dict[str, View] = {}
        for index, (name, array) in enumerate(self._feeds.items()):
            storage = Storage(array.size, "input", index)
            program.inputs.append(Value(name, array.shape, storage))
            views[name] = View(Storage(array.size))
            flat = (array.size,)
            program.steps.append(copy_step(name, flat, dense(View(storage), flat), dense(views[name], flat)))
        out = Storage(self._expected.size, "output", 0)
        program.outputs.append(Value("y", self._expected.shape, out))
        residual = views.get("r")
        lanes = self._target.lanes
        step = conv_step(self._problem, candidate, lanes, program.constants, views["x"], View(out), residual)
        program.steps.append(step)
        return program
