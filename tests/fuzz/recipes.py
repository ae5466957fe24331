"""The corpus: small networks that between them have every kind of step and every way to compute a convolution. They are
compiled when they are needed, so that they are always of the version of the model file that is being tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from layers import GraphBuilder, one_convolution, random_array

from colonnade.graph.ir import (
    LRN,
    Act,
    Activation,
    Affine,
    Binary,
    Conv,
    Dense,
    Expand,
    Gather,
    GlobalPool,
    Graph,
    Map,
    MatMul,
    Pad,
    Pool,
    Reduce,
    Resample,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from colonnade.modelfile.program import Constants
from colonnade.modelfile.records import ACTIVATIONS
from colonnade.modelfile.writer import write_programs
from colonnade.plan.choose.tuner import Choice, NetworkPlan, default_plan
from colonnade.plan.images import lower_parts, plan_parts
from colonnade.plan.planes import NO_BORDERS, Borders
from colonnade.plan.problem import conv_problems
from colonnade.plan.ways import ALL_STRIPS, Candidate, Columns, Vertical, Windows, Winograd
from colonnade.runtime.binding import checksum
from colonnade.target.targets import Target, target_named

GENERIC = target_named("generic")  # its kernels are C, of which the sanitizers see every load
SAME = (1, 1, 1, 1)
RELU = Activation(lo=0.0)

Chosen = Candidate | Mapping[str, Candidate]


@dataclass(frozen=True)
class Recipe:
    """A network and its plan. chosen: for all convolutions, or by node. borders: of values, no others having any; None:
    as by default. chains: convolutions whose panels are each followed by the next one's. batches: the same network for
    other batches, whose programs come after."""

    graph: Graph
    chosen: Chosen = field(default_factory=dict)
    borders: Mapping[str, Borders] | None = None
    chains: frozenset[str] = frozenset()
    batches: tuple[Graph, ...] = ()


def recipes_of(target: Target) -> dict[str, Recipe]:
    """By name, those that a target has kernels for."""
    return RECIPES | (LANE_MASKED if target.isa.masks_lanes else {})


def build(name: str, target: Target = GENERIC) -> bytes:
    """The file of one recipe, which says the recipe's name where others say what they were planned for."""
    recipe = recipes_of(target)[name]

    def plan_of(part: Graph) -> NetworkPlan:
        plan = default_plan(part, target)
        problems = plan.problems
        if recipe.borders is not None:
            around = {value: recipe.borders.get(value, NO_BORDERS) for value in part.shapes}
            problems = {
                node.name: conv_problems(part)[node.name].with_borders(around[node.inputs[0]], around[node.output])
                for node in part.nodes
                if isinstance(node.op, Conv)
            }
        one = isinstance(recipe.chosen, Candidate)
        candidates = dict.fromkeys(problems, recipe.chosen) if one else recipe.chosen
        choices = {node: Choice(candidates.get(node, plan.candidates[node])) for node in problems}
        return NetworkPlan(problems, choices, recipe.chains)

    constants, named = Constants(), replace(target, name=name)
    graphs = (recipe.graph, *recipe.batches)
    programs = [lower_parts(plan_parts(graph, plan_of), named, constants) for graph in graphs]
    for program, graph in zip(programs, graphs, strict=True):
        program.images = graph.shape(graph.inputs[0])[0] if recipe.batches else 0
    return write_programs(programs, checksum)


def files_of(target: Target) -> dict[str, bytes]:
    """The files of all recipes that a target has kernels for."""
    return {name: build(name, target) for name in recipes_of(target)}


def _convolution(chosen: Candidate, op: Conv, x: tuple[int, ...], w: tuple[int, ...]) -> Recipe:
    """One of them alone, on an input of shape `x` with weights of shape `w`; some of their columns are zero."""
    weights = random_array(w) * (random_array((1, *w[1:]), 2) > -1)
    return Recipe(one_convolution(op, x, weights), chosen)


def _with_borders(batch: int) -> Recipe:
    """Planes with zeros around them, read as they are with and without a stride, by window kernels too."""
    b = GraphBuilder()
    x = b.conv(Conv(act=RELU), b.input(batch, 3, 6, 7), random_array((4, 3, 1, 1)))
    x = b.conv(Conv(pads=SAME, groups=4), x, random_array((4, 1, 3, 3)))
    x = b.conv(Conv(pads=SAME), x, random_array((4, 4, 3, 3)))
    x = b.add(Pool("max", (3, 3), (1, 1), SAME), b.shape(x), x)
    x = b.conv(Conv((2, 2), SAME), x, random_array((3, 4, 3, 3)))
    x = b.conv(Conv(pads=SAME), x, random_array((3, 3, 3, 3)))
    x = b.add(Reshape(), (batch, 3), b.add(GlobalPool("max"), (batch, 3, 1, 1), x))
    x = b.add(Dense(), (batch, 4), x, b.random(4, 3), b.random(4))
    chosen = {
        "n0": Columns(4, 1, panel=2),
        "n1": Windows(2, 1),
        "n2": Columns(3, 2, panel=2),
        "n4": Columns(3, 1, access="packed"),
        "n5": Columns(8, 2, lanes="channels"),
    }
    return Recipe(b.graph(x), chosen, borders={f"y{i}": SAME for i in range(5)})


def _windows() -> Recipe:
    """Depthwise layers whose lines are padded in scratch."""
    b = GraphBuilder()
    x = b.conv(Conv(pads=SAME, groups=3), b.input(3, 3, 6, 7), random_array((3, 1, 3, 3)))
    x = b.conv(Conv((2, 2), (2, 2, 2, 2), groups=3, act=Activation("hard_swish")), x, random_array((3, 1, 5, 5)))
    chosen = {"n0": Windows(2, 2), "n1": Windows(1, 1)}
    return Recipe(b.graph(x), chosen, borders={})


def _chained() -> Recipe:
    """Two pairs: the second of the first pair is read by the first of the next."""
    b = GraphBuilder()
    x = b.input(1, 3, 4, 8)
    for rows in (6, 4, 7, 5):
        x = b.conv(Conv(), x, random_array((rows, b.shape(x)[1], 1, 1)))
    candidate = Columns(3, 2, panel=2)
    chosen = {f"n{i}": replace(candidate, blocks=1 + i // 2) for i in range(4)}
    return Recipe(b.graph(x), chosen, borders={}, chains=frozenset({"n0", "n2"}))


def _pools() -> Recipe:
    b = GraphBuilder()
    x = b.input(2, 3, 7, 8)
    first = b.add(Pool("max", (3, 2), (2, 1), (1, 0, 0, 1)), (2, 3, 3, 8), x)
    second = b.add(Pool("avg", (3, 3), (1, 2), SAME, (1, 1), True), (2, 3, 3, 4), first)
    third = b.add(Pool("avg", (2, 2), (1, 1), (0, 0, 0, 0), (2, 2)), (2, 3, 1, 2), second)
    means = [b.add(GlobalPool(kind), (2, 3, 1, 1), value) for kind, value in (("avg", first), ("max", second))]
    return Recipe(b.graph(third, *means))


def _elementwise() -> Recipe:
    b = GraphBuilder()
    plane = (3, 4, 3, 5)
    x, other = b.input(*plane), b.input(*plane)
    scaled = b.add(Affine(Activation("hard_swish")), plane, x, b.random(4), b.random(4))
    added = b.add(Binary("add", Activation("silu")), plane, scaled, other)
    added = b.add(Binary("add"), plane, added, b.random(*plane))
    gate = b.input(3, 4, 1, 1)
    for kind in ACTIVATIONS:
        op = Affine(Activation(kind, alpha=0.2, beta=0.5))
        gate = b.add(op, (3, 4, 1, 1), gate, b.random(4), b.random(4))
    gated = b.add(Binary("mul"), plane, added, gate)
    padded = b.add(Pad((0, 0, 0, 1), (0, 0, 1, 0), 0.5), (3, 4, 4, 6), gated)
    padded = b.add(Pad((0, 0, 1, 0), (0, 0, 0, 1), -2.0), (3, 4, 5, 7), padded)
    normal = b.add(LRN(3), (3, 4, 5, 7), padded)
    plane = (3, 7, 4, 5)
    turned = b.add(Transpose((0, 3, 1, 2)), plane, normal)
    normal = b.add(LRN(2, alpha=0.5, beta=0.5, bias=2.0), plane, turned)
    soft = b.add(Softmax(2), plane, b.add(Affine(), plane, normal, b.random(7), b.random(7)))
    flat = b.add(Reshape(), (3, 140), b.add(Act(Activation("sigmoid")), plane, soft))
    return Recipe(b.graph(b.add(Softmax(1), (3, 140), flat), added))


def _general() -> Recipe:
    """The steps that take any axes: maps with operands that are broadcast, moves, reductions and products."""
    b = GraphBuilder()
    shape = (2, 3, 4, 5)
    x, other = b.input(*shape), b.input(2, 1, 4, 1)
    y = b.add(Map("x0 * x1 + (x2 if x0 > x3 else exp(x1))"), shape, x, other, b.random(5), b.random(3, 1, 1))
    y = b.add(Gather(3, (4, -1, 2, 2, 0, 1), 0.5), (2, 3, 4, 6), y)
    y = b.add(Gather(1, (2, 0)), (2, 2, 4, 6), y)
    y = b.add(Resample(2, ((0, 1), (3, 2), (1, 1)), ((0.5, 0.5), (0.25, 0.75), (1.0, 0.0))), (2, 2, 3, 6), y)
    y = b.add(Resample(3, ((0, 1, 5), (3, 2, 4)), ((0.5, 0.25, 0.25), (0.25, 0.75, 0.0))), (2, 2, 3, 2), y)
    wide = b.add(Expand(), (2, 2, 3, 7), b.add(Slice((0, 0, 0, 1), (1, 1, 1, 1)), (2, 2, 3, 1), y))
    product = b.add(MatMul(), (2, 2, 2, 7), b.add(Transpose((0, 1, 3, 2)), (2, 2, 2, 3), y), wide)
    sums = [b.add(Reduce(kind, (2,), 0.5), (2, 2, 1, 7), product) for kind in ("sum", "prod", "max", "min")]
    places = [b.add(Reduce(kind, (1,), last=True), (2, 1, 2, 7), product) for kind in ("argmax", "argmin")]
    # What a fully connected layer has read lies with its columns first.
    left, right = b.input(9, 6), b.input(6, 4)
    dense = [b.add(Dense(), (n, 2), v, b.random(2, k), b.random(2)) for v, n, k in ((left, 9, 6), (right, 6, 4))]
    crossed = b.add(MatMul(), (9, 4), left, right)
    means = b.add(Map("x0 * 2.5 + 0.25"), (1, 3, 1, 1), b.add(Reduce("sum", (0, 2, 3)), (1, 3, 1, 1), x))
    return Recipe(b.graph(means, crossed, *dense, *sums, *places))


def _classifier(batch: int) -> Recipe:
    """Layers that run image by image, and fully connected ones for all images at once, by the default plan."""
    b = GraphBuilder()
    x = b.conv(Conv(pads=SAME, act=RELU), b.input(batch, 2, 5, 5), random_array((6, 2, 3, 3)))
    x = b.conv(Conv(pads=SAME, groups=6), x, random_array((6, 1, 3, 3)))
    x = b.conv(Conv(residual=True), x, random_array((6, 6, 1, 1), 1), x)
    x = b.add(Reshape(), (batch, 6), b.add(GlobalPool("avg"), (batch, 6, 1, 1), x))
    x = b.add(Dense(RELU), (batch, 9), x, b.random(9, 6), b.random(9))
    x = b.add(Dense(), (batch, 3), x, b.random(3, 9), b.random(3))
    return Recipe(b.graph(x))


def _images() -> Recipe:
    """Every way to compute a convolution, image by image."""
    b = GraphBuilder()
    x = b.conv(Conv((2, 2), SAME, act=RELU), b.input(3, 2, 9, 9), random_array((4, 2, 3, 3)))
    for kernel in (3, 3, 1, 3):
        pads = SAME if kernel == 3 else (0, 0, 0, 0)
        x = b.conv(Conv(pads=pads, residual=True), x, random_array((4, 4, kernel, kernel), len(b.nodes)), x)
    x = b.conv(Conv(pads=SAME, groups=4), x, random_array((4, 1, 3, 3)))
    x = b.add(Pool("max", (2, 2), (2, 2)), (3, 4, 2, 2), x)
    flat = b.add(Reshape(), (3, 16), x)
    chosen = {
        "n0": Columns(3, 1),
        "n1": Winograd(4, 2, m=2, panel=1),
        "n2": Vertical(3, 2, m=4, panel=1),
        "n3": Columns(8, 2, lanes="channels"),
        "n4": Columns(4, 1, blocks=2, access="packed"),
        "n5": Windows(2, 1),
    }
    return Recipe(b.graph(b.add(Dense(), (3, 4), flat, b.random(4, 16), b.random(4))), chosen)


RECIPES: dict[str, Recipe] = {
    "direct": _convolution(Columns(2, 1, panel=3), Conv(act=Activation("silu")), (3, 5, 3, 6), (6, 5, 1, 1)),
    "direct in blocks": _convolution(
        Columns(4, 2, panel=2, blocks=3), Conv(residual=True, act=RELU), (1, 9, 4, 7), (6, 9, 1, 1)
    ),
    "prepared": _convolution(Columns(3, 2, panel=2, blocks=2), Conv((2, 2), SAME), (3, 3, 7, 9), (5, 3, 3, 3)),
    "dilated": _convolution(Columns(3, 1), Conv((2, 1), (1, 0, 1, 2), (1, 2)), (1, 3, 7, 9), (5, 3, 3, 3)),
    "packed": _convolution(
        Columns(4, 2, blocks=3, panel=2, access="packed"), Conv(pads=SAME, residual=True), (1, 3, 5, 7), (6, 3, 3, 3)
    ),
    "packed images": _convolution(
        Columns(4, 2, panel=ALL_STRIPS, access="packed"),
        Conv(pads=SAME),
        (3, 2, 4, 5),
        (5, 2, 3, 3),
    ),
    "groups": _convolution(Columns(2, 1), Conv(groups=2), (3, 4, 3, 5), (6, 2, 1, 1)),
    "groups, prepared": _convolution(Columns(2, 1), Conv((2, 2), SAME, groups=2), (1, 4, 5, 5), (6, 2, 3, 3)),
    "channels": _convolution(
        Columns(7, 2, panel=2, blocks=2, lanes="channels"),
        Conv((2, 2), residual=True),
        (2, 5, 6, 6),
        (9, 5, 1, 1),
    ),
    "channels of two lines": _convolution(
        Columns(8, 2, lanes="channels"), Conv((2, 1), act=RELU), (1, 4, 6, 1), (9, 4, 1, 1)
    ),
    "channels prepared": _convolution(
        Columns(7, 2, panel=2, lanes="channels"), Conv(pads=SAME), (1, 3, 5, 3), (9, 3, 3, 3)
    ),
    "tails": _convolution(Columns(8, 1, panel=2), Conv(act=RELU), (1, 65, 1, 14), (8, 65, 1, 1)),
    "winograd": _convolution(
        Winograd(3, 2, m=2, panel=1), Conv(pads=SAME, residual=True, act=RELU), (3, 3, 5, 6), (4, 3, 3, 3)
    ),
    "winograd large": _convolution(Winograd(4, 1, m=4, panel=2), Conv(pads=(0, 2, 1, 0)), (1, 2, 7, 9), (5, 2, 3, 3)),
    "vertical": _convolution(
        Vertical(3, 2, m=4, panel=1), Conv(pads=SAME, residual=True, act=RELU), (3, 3, 5, 6), (4, 3, 3, 3)
    ),
    "vertical large": _convolution(Vertical(4, 1, m=6, panel=1), Conv(pads=SAME), (1, 2, 8, 5), (5, 2, 3, 3)),
    "vertical strided": _convolution(
        Vertical(3, 2, m=5, panel=2),
        Conv((2, 2), (3, 3, 3, 3)),
        (1, 2, 9, 5),
        (3, 2, 7, 7),
    ),
    "borders": _with_borders(batch=1),
    "borders of 3": _with_borders(batch=3),
    "windows": _windows(),
    "chained": _chained(),
    "pools": _pools(),
    "elementwise": _elementwise(),
    "general": _general(),
    "classifier": _classifier(batch=1),
    "classifier of 3": _classifier(batch=3),
    "classifier of 4": _classifier(batch=4),
    "programs": replace(_classifier(batch=3), batches=(_classifier(batch=1).graph, _classifier(batch=4).graph)),
    "images": _images(),
}

LANE_MASKED: dict[str, Recipe] = {
    "lane masks": _convolution(
        Columns(4, 2, blocks=2, access="lane masks"), Conv(pads=SAME, residual=True), (2, 5, 5, 7), (9, 5, 3, 3)
    ),
    "lane masks of phases": _convolution(
        Columns(4, 1, panel=2, access="lane masks"), Conv((2, 2), SAME), (1, 9, 6, 7), (6, 9, 3, 3)
    ),
    "tails beside strips": _convolution(
        Columns(8, 2, panel=ALL_STRIPS, blocks=2), Conv(act=Activation("silu")), (1, 20, 6, 6), (9, 20, 1, 1)
    ),
    "tails under lane masks": _convolution(
        Columns(8, 2, panel=ALL_STRIPS, blocks=2, access="lane masks"), Conv(pads=SAME), (1, 9, 6, 6), (9, 9, 3, 3)
    ),
}
