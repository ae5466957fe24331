"""The candidates for a convolution: the cost rule picks the shapes worth measuring, then loop orders vary around
the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from colonnade.kernels.shapes import Shape, shapes
from colonnade.plan.candidate import ALL_STRIPS, Candidate
from colonnade.plan.columns import DataLayout
from colonnade.plan.conv import FLOAT_BYTES
from colonnade.plan.cost import column_cycles, count_strips, estimate_cycles, traffic_of
from colonnade.plan.depthwise import depthwise_candidates, depthwise_cycles
from colonnade.plan.problem import ConvProblem
from colonnade.plan.turned import fits_turned, turned_candidates, turned_cycles
from colonnade.plan.vertical import Rows, vertical_candidates, vertical_cycles, vertical_filters
from colonnade.plan.winograd import filters, winograd_candidates, winograd_cycles
from colonnade.target.targets import Target

SHAPES_MEASURED = 12  # of each kind: sparse, dense, Winograd, vertical, depthwise
ROWS_VARIED = 3  # other T of the best shapes
TURNED_VARIED = 6  # loop orders of turned kernels
SHARING = 4  # panels per thread: fewer, and several threads read the same panels
KC_LEAST = 128  # columns of a KC block; shorter ones spend their time on sums
EFFICIENCY = 0.55  # of the best shape's; less is never worth a look


def good_shapes(target: Target, max_rows: int) -> tuple[Shape, ...]:
    """Micro-kernel shapes of at most `max_rows` rows whose multiply-adds per cycle are near the best."""
    most = target.accumulators or target.isa.registers
    fitting = [s for s in shapes(target.isa) if s.rows <= max_rows and s.rows * s.row_registers(target.isa) <= most]

    def rate(shape: Shape) -> float:
        return shape.rows * shape.vectors / column_cycles(shape, target)

    best = max(rate(shape) for shape in fitting)
    return tuple(shape for shape in fitting if rate(shape) >= EFFICIENCY * best)


def candidate_cycles(problem: ConvProblem, candidate: Candidate, target: Target) -> float:
    """The cost rule, for every way to compute a convolution: estimated cycles of one thread."""
    g = problem.geometry
    # All that must come from memory: input, output and residual, which depend on borders, and the weights.
    data = g.batch * (g.channels * g.source.floats + g.rows * g.target.floats * (1 + problem.residual))
    data += _stored_weights(problem, candidate)
    return _rule(candidate)(problem, candidate, target) + FLOAT_BYTES * data * target.far_cycles


def _rule(candidate: Candidate) -> Callable[[ConvProblem, Candidate, Target], float]:
    if candidate.window:
        return depthwise_cycles
    if candidate.turned:
        return turned_cycles
    if candidate.vertical > 1:
        return vertical_cycles
    return winograd_cycles if candidate.winograd > 1 else estimate_cycles


def _stored_weights(problem: ConvProblem, candidate: Candidate) -> int:
    g = problem.geometry
    if candidate.winograd > 1:
        return filters(g)[candidate.winograd].side ** 2 * g.rows * g.channels * g.strides[0] * g.strides[1]
    if candidate.vertical > 1:
        return vertical_filters(g)[candidate.vertical].side * g.rows * Rows(g, candidate).lines
    sizes = problem.tile_sizes(candidate.rows, candidate.dense)
    return sum(rows * columns * tiles for (rows, columns), tiles in sizes.items())


def possible(problem: ConvProblem, candidate: Candidate, target: Target) -> bool:
    """Whether a candidate, read from a file perhaps, can compute `problem` on `target`."""
    if candidate.window:
        return candidate in depthwise_candidates(problem, target)
    apart = not candidate.packed and candidate.by_columns
    if candidate.masked and not (apart and target.isa.masked and problem.geometry.maskable):
        return False
    way = (
        candidate.by_columns
        or (candidate.vertical == 1 and candidate.winograd in filters(problem.geometry))
        or (candidate.winograd == 1 and candidate.vertical in vertical_filters(problem.geometry))
    )
    if candidate.turned:
        return way and fits_turned(problem, candidate, target)
    return way and Shape(candidate.rows, candidate.vectors) in shapes(target.isa)


def default_candidate(problem: ConvProblem, target: Target, threads: int) -> Candidate:
    """The cheapest by the cost rule, in the cheapest loop order: the default plan."""
    return _in_best_order(problem, shape_candidates(problem, target, threads), target, threads)


def default_column_candidate(problem: ConvProblem, target: Target) -> Candidate:
    """The same for one thread, of those that the kept columns make faster."""
    return _in_best_order(problem, column_candidates(problem, target, 1), target, 1)


def _in_best_order(problem: ConvProblem, candidates: Iterable[Candidate], target: Target, threads: int) -> Candidate:
    (best,) = _cheapest(problem, candidates, target, 1)
    orders = loop_variants(problem, best, target, threads) if best.by_columns and not best.turned else ()
    return min((best, *orders), key=lambda candidate: candidate_cycles(problem, candidate, target))


def shape_candidates(problem: ConvProblem, target: Target, threads: int) -> tuple[Candidate, ...]:
    """Shapes by columns, by Winograd in two dimensions, in one, and by windows, cheapest of each kind first."""
    shapes_of = good_shapes(target, problem.geometry.rows)
    return (
        *column_candidates(problem, target, threads),
        *_cheapest(problem, winograd_candidates(problem, target, shapes_of), target, SHAPES_MEASURED),
        *_cheapest(problem, vertical_candidates(problem, target, shapes_of), target, SHAPES_MEASURED),
        *_cheapest(problem, depthwise_candidates(problem, target), target, SHAPES_MEASURED),
    )


def column_candidates(problem: ConvProblem, target: Target, threads: int) -> tuple[Candidate, ...]:
    """Shapes, each packed or direct, cheapest first; for a pruned layer the best dense ones follow."""
    found: list[Candidate] = []
    for dense in (False, True) if problem.sparse else (True,):
        threaded = (_threaded(problem, candidate, target, threads) for candidate in _all_shapes(problem, target, dense))
        found += _cheapest(problem, threaded, target, SHAPES_MEASURED)
    turned = turned_candidates(problem, target)
    return (*found, *_cheapest(problem, turned, target, SHAPES_MEASURED))


def _cheapest(
    problem: ConvProblem, candidates: Iterable[Candidate], target: Target, count: int
) -> tuple[Candidate, ...]:
    """The first `count`, of each way and V with the best T and in the best of the loop orders given: the rule knows
    more of these than of what a load costs beside a multiply-add, on which V depends."""
    ranked = sorted(candidates, key=lambda candidate: candidate_cycles(problem, candidate, target))
    ways: dict[tuple[object, ...], Candidate] = {}
    for c in ranked:
        way = (c.window and c.rows, c.vectors, c.packed, c.masked, c.turned, c.rowwise, c.winograd, c.vertical)
        ways.setdefault(way, c)
    return tuple(ways.values())[:count]


def row_variants(problem: ConvProblem, candidate: Candidate, target: Target) -> tuple[Candidate, ...]:
    """The same, no window kernel, with other T: the cheapest few by the cost rule. Turned kernels have but one."""
    if candidate.turned:
        return ()
    g = problem.geometry
    others = [
        replace(candidate, rows=shape.rows)
        for shape in good_shapes(target, g.rows // g.groups)
        if shape.vectors == candidate.vectors
        and shape.rows != candidate.rows
        and max(rows for rows, _ in problem.tile_sizes(shape.rows, candidate.dense)) == shape.rows
    ]
    return tuple(sorted(others, key=lambda other: candidate_cycles(problem, other, target))[:ROWS_VARIED])


def _all_shapes(problem: ConvProblem, target: Target, dense: bool) -> Iterable[Candidate]:
    g = problem.geometry
    for shape in good_shapes(target, g.rows // g.groups):
        if max(rows for rows, _ in problem.tile_sizes(shape.rows, dense)) < shape.rows:
            continue  # the same tiles as with fewer rows
        for packed in (False, True) if g.groups == 1 else (False,):
            candidate = Candidate(shape.rows, shape.vectors, packed=packed, dense=dense)
            for panel in sorted({4, ALL_STRIPS, _panel(problem, candidate, target)}):
                yield replace(candidate, panel=panel)
                if not packed and DataLayout(g).pitch != g.out_w:
                    yield replace(candidate, panel=panel, rowwise=True)
            if not packed and target.isa.masked and g.maskable:
                masked = replace(candidate, masked=True)
                for panel in sorted({4, ALL_STRIPS, _panel(problem, masked, target)}):
                    yield replace(masked, panel=panel)


def loop_variants(problem: ConvProblem, candidate: Candidate, target: Target, threads: int) -> tuple[Candidate, ...]:
    """The same shape, by columns, in other loop orders: panels of one strip, of some, of all; and KC blocks."""
    if candidate.turned:
        alike = (c for c in turned_candidates(problem, target) if c.dense == candidate.dense and c != candidate)
        return tuple(sorted(alike, key=lambda c: candidate_cycles(problem, c, target))[:TURNED_VARIED])
    middle = _panel(problem, candidate, target)
    panels = {1, 4, 16, middle, ALL_STRIPS} - {candidate.panel}
    variants = [replace(candidate, panel=panel) for panel in sorted(panels)]
    for blocks in (2, 4, 8):
        if problem.geometry.columns // blocks >= KC_LEAST:
            variants += [
                replace(candidate, blocks=blocks, panel=p) for p in dict.fromkeys((candidate.panel, ALL_STRIPS))
            ]
    return tuple(_threaded(problem, variant, target, threads) for variant in variants)


def panel_variants(problem: ConvProblem, candidate: Candidate, target: Target) -> tuple[Candidate, ...]:
    """The same by Winograd, of either kind, with other panels."""
    shape = (Shape(candidate.rows, candidate.vectors),)
    possible = [*winograd_candidates(problem, target, shape), *vertical_candidates(problem, target, shape)]
    return tuple(c for c in possible if c != candidate and replace(c, panel=candidate.panel) == candidate)


def _panel(problem: ConvProblem, candidate: Candidate, target: Target) -> int:
    """As many strips as half the second-level cache holds."""
    traffic, room = traffic_of(problem, candidate, target), target.l2_bytes // 2

    def fits(panel: int) -> bool:
        return replace(traffic, candidate=replace(candidate, panel=panel)).held <= room

    return next((panel for panel in (ALL_STRIPS, 64, 32, 16, 8, 4, 2) if fits(panel)), 1)


def _threaded(problem: ConvProblem, candidate: Candidate, target: Target, threads: int) -> Candidate:
    """Strips are packed once for all threads when there are few panels."""
    if threads == 1 or not candidate.packed:
        return replace(candidate, shared=False)
    strips = count_strips(problem, candidate, target).strips
    panels = -(-strips // min(candidate.panel, strips))
    return replace(candidate, shared=panels < SHARING * threads)
