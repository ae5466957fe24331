"""What is chosen for a convolution and around it: factors with their levels, and which pairs of levels can meet.

A factor is a choice, for instance how columns are found; a level is one outcome of it, a mechanism, for instance that
they are packed. Of each factor a convolution has one level at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from candidates import NUMBERS, field_level, fields_of
from drawn import ACTIVATIONS_BY_LEVEL, THREADS, ZEROS, Case, activation_level
from layers import RUNNABLE

from colonnade.kernels.vertical import VERTICAL_FILTERS
from colonnade.kernels.winograd import FILTERS, Filter
from colonnade.modelfile.program import Program, Step
from colonnade.plan.images import Part
from colonnade.plan.problem import Geometry
from colonnade.plan.ways import WAYS, Columns
from colonnade.plan.ways.columns.cutting import strips_of

Pair = frozenset[str]

FIELDS = {way.__name__: fields_of(way) for way in WAYS}

# The factors that every convolution has.
COMMON: dict[str, tuple[str, ...]] = {
    "target": tuple(target.name for target in RUNNABLE),
    "threads": tuple(THREADS),
    "images": ("one image", "images together", "images apart"),
    "way": tuple(FIELDS),
    "kernel": ("1x1", "square kernel", "oblong kernel"),
    "stride": ("stride 1", "stride 2", "other strides"),
    "dilation": ("no dilation", "dilation"),
    "groups": ("one group", "several groups", "depthwise"),
    "padding": ("no padding", "even padding", "uneven padding"),
    "x borders": ("no x borders", "x borders hold the padding", "other x borders"),
    "y borders": ("no y borders", "y borders"),
    "residual": ("no residual", "residual", "residual in place"),
    "activation": tuple(ACTIVATIONS_BY_LEVEL),
    "zeros": tuple(ZEROS),
    "chain": ("alone", "first of a chain", "second of a chain"),
    "input": ("reads what callers gave", "reads the arena"),
    "output": ("writes what callers gave", "writes the arena"),
}
# Those that the convolutions of one way have: its fields, and what follows from them.
OWN: dict[str, dict[str, tuple[str, ...]]] = {
    way: {name: tuple(levels) for name, levels in fields.items()} for way, fields in FIELDS.items()
}
OWN["Columns"]["tail"] = ("no tail", "tail")


def mechanisms(case: Case, program: Program) -> Iterator[dict[str, str]]:
    """Of each convolution its level of every factor that it has."""
    before: Step | None = None
    steps = {step.name: step for step in program.steps}
    for part in case.parts:
        for name in part.plan.problems:
            step = steps[name]
            yield {
                **_around(case, part),
                **_problem(case, part, name),
                **_way(case, part, step),
                **_place(step, before),
            }
            before = step


def _around(case: Case, part: Part) -> dict[str, str]:
    images = case.graph.shape(case.graph.inputs[0])[0]
    return {
        "target": case.target.name,
        "threads": f"{case.threads} thread{'s' * (case.threads > 1)}",
        "images": "one image" if images == 1 else "images apart" if part.repeats > 1 else "images together",
    }


def _problem(case: Case, part: Part, name: str) -> dict[str, str]:
    problem = part.plan.problems[name]
    g = problem.geometry
    strides = {(1, 1): "stride 1", (2, 2): "stride 2"}
    return {
        "kernel": "1x1" if g.kernel == (1, 1) else "square kernel" if g.kernel[0] == g.kernel[1] else "oblong kernel",
        "stride": strides.get(g.strides, "other strides"),
        "dilation": "no dilation" if g.dilations == (1, 1) else "dilation",
        "groups": _groups(g),
        "padding": _padding(g),
        "x borders": _borders(g),
        "y borders": "y borders" if any(g.y_borders) else "no y borders",
        "activation": activation_level(problem.act),
        "zeros": case.zeros[name],
    }


def _groups(g: Geometry) -> str:
    if g.groups == 1:
        return "one group"
    return "depthwise" if g.groups == g.channels == g.rows else "several groups"


def _padding(g: Geometry) -> str:
    if not any(g.pads):
        return "no padding"
    return "even padding" if g.pads[:2] == g.pads[2:] else "uneven padding"


def _borders(g: Geometry) -> str:
    if not any(g.x_borders):
        return "no x borders"
    return "x borders hold the padding" if any(g.pads) and g.source.covers(g.pads) else "other x borders"


def _way(case: Case, part: Part, step: Step) -> dict[str, str]:
    problem, candidate = part.plan.problems[step.name], part.plan.candidates[step.name]
    found = {"way": type(candidate).__name__}
    found |= {field: field_level(field, getattr(candidate, field)) for field in FIELDS[found["way"]]}
    if "tail" in OWN[found["way"]]:
        assert isinstance(candidate, Columns)
        found["tail"] = "tail" if strips_of(problem, candidate, case.target).total("tail") else "no tail"
    return found


def _place(step: Step, before: Step | None) -> dict[str, str]:
    x, y, residual = step.views["x"], step.views["y"], step.views.get("r")
    assert x
    assert y
    second = before is not None and before.chained
    in_place = residual is not None and residual.storage is y.storage
    return {
        "chain": "first of a chain" if step.chained else "second of a chain" if second else "alone",
        "residual": "residual in place" if in_place else "residual" if residual else "no residual",
        "input": "reads what callers gave" if x.storage.kind == "input" else "reads the arena",
        "output": "writes what callers gave" if y.storage.kind == "output" else "writes the arena",
    }


def pairs_of(levels: dict[str, str]) -> set[Pair]:
    """The pairs of mechanisms that met in one convolution."""
    return {frozenset(pair) for pair in combinations(levels.values(), 2)}


def all_pairs() -> set[Pair]:
    """Those of two factors that some way has both of."""
    return {
        frozenset(pair)
        for way, own in OWN.items()
        for factors in combinations([*(COMMON | {"way": (way,)}).values(), *own.values()], 2)
        for pair in product(*factors)
    }


def _without(filters: Sequence[Filter]) -> tuple[str, ...]:
    return tuple(f"m {m}" for m in NUMBERS["m"] if all(f.m != m for f in filters))


_TRANSFORMS = tuple(f"m {m}" for m in NUMBERS["m"])
_WINOGRAD = ("Winograd", "Vertical", *_TRANSFORMS)
_OTHER_STEPS = (*_WINOGRAD, "Windows")
_CHAINED = ("first of a chain", "second of a chain")
_OTHER_SHAPES = ("square kernel", "oblong kernel", "stride 2", "other strides", "even padding", "uneven padding")
_WITHOUT_TAILS = tuple(target.name for target in RUNNABLE if not target.isa.fuses_tails)
_WITHOUT_MASKS = tuple(target.name for target in RUNNABLE if not target.isa.masks_lanes)

# No convolution has a level of the first and one of the second, for the reason given.
IMPOSSIBLE: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (("Winograd",), _without(FILTERS), "there is no such transform in two dimensions"),
    (("Vertical",), _without(VERTICAL_FILTERS), "there is no such transform in one dimension"),
    (
        (*_WINOGRAD, "access lane masks", "lanes channels"),
        ("several groups", "depthwise"),
        "all outputs read all inputs",
    ),
    (_OTHER_STEPS, ("dilation",), "elements of the kernel read neighbours"),
    (_OTHER_STEPS, ("1x1",), "nothing is saved where a kernel has one element"),
    (("Winograd", "Windows", "m 2"), ("oblong kernel", "other strides"), "both dimensions are treated alike"),
    (("Winograd", "m 2"), ("stride 2",), "a stride leaves out most of what a patch holds"),
    (("Windows",), ("several groups",), "each output channel reads one input channel"),
    (("Windows",), ("residual", "residual in place"), "window kernels add nothing"),
    (("access lane masks",), _WITHOUT_MASKS, "the instruction set cannot leave lanes out"),
    (("access lane masks",), ("no padding",), "there is nothing to leave out"),
    (("lanes channels",), ("access packed", "access lane masks"), "elements are read one by one where they lie"),
    (("tail",), ("lanes channels", "access packed"), "vectors of positions that lie side by side have tails"),
    (("tail",), ("depthwise",), "tiles have one row"),
    (("tail",), _WITHOUT_TAILS, "the instruction set has no kernels for them"),
    (_CHAINED, (*_OTHER_STEPS, "lanes channels"), "others have no panels of strips of positions"),
    (("first of a chain",), ("y borders", "writes what callers gave"), "the second reads it as dense planes"),
    (("second of a chain",), ("access packed", "access lane masks"), "it reads the strips that the first made"),
    (
        ("second of a chain",),
        (*_OTHER_SHAPES, "several groups", "depthwise"),
        "its outputs read the positions of the strip alone",
    ),
    (
        ("second of a chain",),
        ("x borders hold the padding", "other x borders", "reads what callers gave"),
        "it reads what the first made, as dense planes",
    ),
    (
        ("reads what callers gave",),
        ("x borders hold the padding", "other x borders"),
        "callers give images without borders",
    ),
    (("writes what callers gave",), ("y borders",), "callers get images without borders"),
    (("writes what callers gave",), ("images apart",), "results of all images are collected first"),
    (("writes what callers gave",), ("residual in place",), "it lies in the arena"),
    (("x borders hold the padding",), ("no padding",), "there is none to hold"),
)


def impossible_pairs() -> set[Pair]:
    """Those listed; and all of a level that meets no level of a factor, as of what no target of this machine can do."""
    pairs = {frozenset(pair) for one, other, _ in IMPOSSIBLE for pair in product(one, other)}
    factors = [*COMMON.values(), *(levels for own in OWN.values() for levels in own.values())]
    levels = [level for factor in factors for level in factor]
    for level, factor in product(levels, COMMON.values()):
        if all(frozenset((level, other)) in pairs for other in factor):
            pairs |= {frozenset((level, other)) for other in levels}
    return pairs
