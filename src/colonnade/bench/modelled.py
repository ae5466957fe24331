"""Modelled cycles of a network, node by node, on a simulator (docs/riscv-model.md).

A node costs the same wherever it stands, as far as the model goes: its inputs have just been made, in the order of the
network, everything else is cold. So each distinct node is simulated once, and a network's total is the sum over its
nodes. Every node's output is compared with the numpy oracle first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

from colonnade.graph.ir import IDENTITY, Act, Concat, Conv, Graph, Node
from colonnade.graph.reference import run_reference
from colonnade.modelfile.reader import describe
from colonnade.modelfile.writer import write
from colonnade.plan.choose.cache import Records
from colonnade.plan.choose.measure import EVICT_BYTES, TOLERANCE, WrongResultError
from colonnade.plan.choose.tuner import NetworkPlan
from colonnade.plan.lower import lower
from colonnade.plan.planes import Borders
from colonnade.plan.problem import borders_of
from colonnade.remote.runner import relative_error
from colonnade.remote.spike import SpikeRunner
from colonnade.runtime.binding import checksum
from colonnade.target.riscv_model import CoreModel, FunctionCost, Misses, ModelledCost
from colonnade.target.targets import Target

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class NodeCost:
    """One node of a network, or two convolutions that run panel by panel: names, operator, and what they cost."""

    names: tuple[str, ...]
    op: str
    cost: ModelledCost

    @property
    def name(self) -> str:
        """Of both, if there are two."""
        return ", ".join(self.names)


class CostCache:
    """Costs of nodes on disk, so that none is simulated twice by the same code."""

    def __init__(self, directory: Path, machine: str, core: CoreModel) -> None:
        own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
        self._records, self._core = Records(directory, f"{machine}; nodes {own}"), core

    def load(self, key: str) -> ModelledCost | None:
        """The cost of a node; None when there is none that makes sense. What was executed of each operation is not
        kept."""
        try:
            fields = self._records.read(key)
            functions = {name: FunctionCost(*numbers) for name, numbers in fields["functions"].items()}
            return ModelledCost(self._core, functions, Misses(*fields["misses"]))
        except (TypeError, KeyError, AttributeError):
            return None

    def store(self, key: str, cost: ModelledCost) -> None:
        """Keep a cost."""
        functions = {name: astuple(part) for name, part in cost.by_function.items()}
        self._records.write(key, {"node": key, "functions": functions, "misses": astuple(cost.misses)})


def model_network(
    graph: Graph,
    target: Target,
    plan: NetworkPlan,
    runner: SpikeRunner,
    progress: Progress,
    cache: CostCache | None = None,
) -> tuple[NodeCost, ...]:
    """Cost of every node of an optimised graph, convolutions by `plan`. Nodes that only arrange data (such as a
    concatenation, into which producers write) cost nothing and are left out."""
    borders = borders_of(graph, plan.problems)
    units = [unit for unit in _units(graph, plan) if not isinstance(unit[0].op, Concat)]
    keys = [_unit_key(graph, unit, plan, borders) for unit in units]
    distinct = dict(zip(reversed(keys), reversed(units), strict=True))
    costs: dict[str, ModelledCost | None] = {key: cache.load(key) if cache else None for key in distinct}
    missing = [key for key, cost in costs.items() if cost is None]
    for done, (key, cost) in enumerate(
        runner.each(lambda key: (key, _measure(graph, distinct[key], target, plan, runner)), missing)
    ):
        costs[key] = cost
        if cache and cost:
            cache.store(key, cost)
        progress(distinct[key][0].name, done + 1, len(missing))
    return tuple(
        NodeCost(tuple(node.name for node in unit), type(unit[0].op).__name__, cost)
        for unit, key in zip(units, keys, strict=True)
        if (cost := costs[key])
    )


def _units(graph: Graph, plan: NetworkPlan) -> Iterator[tuple[Node, ...]]:
    """The nodes, chained ones with those that follow them."""
    nodes = iter(graph.nodes)
    for node in nodes:
        chained = node.name in plan.chains
        yield (node, next(nodes)) if chained else (node,)


def _unit_key(graph: Graph, unit: tuple[Node, ...], plan: NetworkPlan, borders: Mapping[str, Borders]) -> str:
    """Equal for units that do the same work; of a pair, who reads what counts too."""
    values = list(dict.fromkeys(name for node in unit for name in (*node.inputs, node.output)))
    wiring = [[values.index(name) for name in node.inputs] for node in unit[1:]]
    return "; ".join(_key(graph, node, plan, borders) for node in unit) + (f" {wiring}" if wiring else "")


def _key(graph: Graph, node: Node, plan: NetworkPlan, borders: Mapping[str, Borders]) -> str:
    """Equal for nodes that do the same work."""
    if isinstance(node.op, Conv):
        return f"{plan.problems[node.name].digest} {plan.candidates[node.name]!r} {node.name in plan.chains}"
    return repr((node.op, [(graph.shape(name), borders.get(name)) for name in (*node.inputs, node.output)]))


def _measure(
    graph: Graph, unit: tuple[Node, ...], target: Target, plan: NetworkPlan, runner: SpikeRunner
) -> ModelledCost | None:
    """Cost of nodes that run together; None if they make no step."""
    alone = _alone(graph, unit)
    borders = borders_of(graph, plan.problems)
    program = lower(alone, target, plan, borders)
    data = write(program, checksum)
    names = [node.name for node in unit]
    own = [i for i, (name, _) in enumerate(describe(data).steps) if any(_is_of(name, node) for node in names)]
    if not own:
        return None
    rng = np.random.default_rng(0)
    feeds = {name: rng.standard_normal(alone.shape(name), dtype=np.float32) for name in alone.inputs}
    measured = runner.measure(data, feeds, own[0], own[-1] + 1, EVICT_BYTES)
    expected = run_reference(alone, feeds)[_READ]
    error = relative_error([output.reshape(expected.shape) for output in measured.outputs], [expected])
    if not error <= TOLERANCE:
        raise WrongResultError(f"{', '.join(names)} is wrong by {error} of the largest output")
    return measured.cost


def _is_of(step: str, node: str) -> bool:
    """Whether a step of that name is the node's, or one of what it needs."""
    return step == node or step.startswith(f"{node}:")


_MADE = "made:"  # prefix of the steps that stand for the nodes before
_READ = "read"  # the step that stands for a node behind


def _alone(graph: Graph, unit: tuple[Node, ...]) -> Graph:
    """A graph of nodes that run together between others, as in the network: their inputs are made by nodes that copy
    the graph's inputs, the last input first, since a residual is older than what it is added to; the output is read by
    one more copy."""
    every = dict.fromkeys(name for node in unit for name in node.inputs)
    made = {node.output: graph.shape(node.output) for node in unit}
    data = [name for name in every if name not in graph.constants and name not in made]
    output = unit[-1].output
    makers = tuple(Node(f"{_MADE}{name}", Act(IDENTITY), (f"in:{name}",), name) for name in reversed(data))
    shapes = {name: graph.shape(name) for name in data}
    return replace(
        graph,
        inputs=tuple(f"in:{name}" for name in data),
        outputs=(_READ,),
        nodes=(*makers, *unit, Node(_READ, Act(IDENTITY), (output,), _READ)),
        constants={name: graph.constants[name] for name in every if name in graph.constants},
        shapes=shapes | {f"in:{name}": shapes[name] for name in data} | made | {_READ: made[output]},
        elements={f"in:{name}": graph.element(name) for name in data},
    )
