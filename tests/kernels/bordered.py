"""One convolution between planes with any borders."""

from __future__ import annotations

from itertools import product

import numpy as np
from layers import Compiled, assert_close, random_feeds

from colonnade.elements import DEFAULT
from colonnade.graph.ir import Graph
from colonnade.graph.reference import run_reference
from colonnade.modelfile.program import Program, Value, View, bound_value, room_for
from colonnade.modelfile.writer import write
from colonnade.plan.copy import Strided, copy_step, row_major
from colonnade.plan.planes import Borders, Planes
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import Candidate
from colonnade.plan.ways.way import Operands
from colonnade.runtime.binding import checksum
from colonnade.runtime.session import Session
from colonnade.target.targets import Target

BORDERS: tuple[Borders, ...] = ((0, 0, 0, 0), (1, 1, 1, 1), (1, 2, 0, 1), (0, 0, 2, 3))


def check_every_border(graph: Graph, candidate: Candidate, target: Target, threads: int) -> None:
    """`check_borders` with each of BORDERS on either side."""
    for x_borders, y_borders in product(BORDERS, BORDERS):
        check_borders(graph, candidate, target, threads, x_borders, y_borders, 1e-5)


def check_borders(
    graph: Graph,
    candidate: Candidate,
    target: Target,
    threads: int,
    x_borders: Borders,
    y_borders: Borders,
    tolerance: float = 1e-5,
) -> None:
    """The only convolution of `graph`, whose input is copied to planes with `x_borders`: outputs as the oracle's, and
    nothing but zeros around them."""
    (problem,) = (p.with_borders(x_borders, y_borders) for p in conv_problems(graph).values())
    g, feeds = problem.geometry, random_feeds(graph)
    expected = np.swapaxes(run_reference(graph, feeds)["y0"], 0, 1)
    program, shape = Program(target), (g.channels, g.batch, g.height, g.width)
    given = bound_value("x0", shape, DEFAULT, "input", 0).storage
    x = View(room_for(g.channels * g.batch * g.source.elements, DEFAULT))
    out = bound_value("y0", (g.rows * g.batch * g.target.elements,), DEFAULT, "output", 0).storage
    program.inputs.append(Value("x0", shape, given))
    program.outputs.append(Value("y0", (out.elements,), out))
    inside = Strided(x.shifted(g.source.origin), g.source.strides(g.batch))
    program.steps.append(copy_step("x0", shape, Strided(View(given), row_major(shape)), inside))
    program.steps.append(candidate.step(problem, target, Operands(program.constants, x, View(out), None)))
    session = Session(Compiled(write(program, checksum)), threads=threads)
    flat = session.run(None, {"x0": np.swapaxes(feeds["x0"], 0, 1)})[0]
    assert_close(_inside(flat, g.target, expected.shape), expected, tolerance)
    places = np.zeros(out.elements, np.int64)
    _inside(places, g.target, expected.shape)[...] = 1
    assert places.sum() == expected.size
    assert not flat[places == 0].any()


def _inside(flat: np.ndarray, planes: Planes, shape: tuple[int, ...]) -> np.ndarray:
    """The images of [channel][image] planes."""
    strides = [flat.itemsize * stride for stride in planes.strides(shape[1])]
    return np.lib.stride_tricks.as_strided(flat[planes.origin :], shape, strides)
