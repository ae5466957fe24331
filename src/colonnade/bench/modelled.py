"""Modelled cycles of a network, node by node, on a simulator (docs/riscv-model.md).

A node costs the same wherever it stands, as far as the model goes: its inputs have just been made, in the order of the
network, everything else is cold. So each distinct node is simulated once, and a network's total is the sum over its
nodes. Every node's output is compared with the numpy oracle first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

from colonnade.graph.ir import IDENTITY, Act, Concat, Conv, Graph, Node
from colonnade.graph.reference import run_reference
from colonnade.modelfile.reader import describe
from colonnade.modelfile.writer import write
from colonnade.plan.cache import Records
from colonnade.plan.lower import borders_of, lower
from colonnade.plan.measure import EVICT_BYTES, TOLERANCE, WrongResultError
from colonnade.plan.planes import Borders
from colonnade.plan.tuner import NetworkPlan
from colonnade.remote.runner import relative_error
from colonnade.remote.spike import SpikeRunner
from colonnade.runtime.binding import checksum
from colonnade.target.riscv_model import CoreModel, FunctionCost, Misses, ModelledCost
from colonnade.target.targets import Target

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class NodeCost:
    """One node of a network: its name, its operator, and what it costs."""

    name: str
    op: str
    cost: ModelledCost


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
    keys = {node.name: _key(graph, node, plan, borders) for node in graph.nodes if not isinstance(node.op, Concat)}
    distinct = {keys[node.name]: node for node in reversed(graph.nodes) if node.name in keys}
    costs: dict[str, ModelledCost | None] = {key: cache.load(key) if cache else None for key in distinct}
    missing = [key for key, cost in costs.items() if cost is None]
    for done, (key, cost) in enumerate(
        runner.each(lambda key: (key, _measure(graph, distinct[key], target, plan, runner)), missing)
    ):
        costs[key] = cost
        if cache and cost:
            cache.store(key, cost)
        progress(distinct[key].name, done + 1, len(missing))
    return tuple(
        NodeCost(node.name, type(node.op).__name__, cost)
        for node in graph.nodes
        if node.name in keys and (cost := costs[keys[node.name]])
    )


def _key(graph: Graph, node: Node, plan: NetworkPlan, borders: Mapping[str, Borders]) -> str:
    """Equal for nodes that do the same work."""
    if isinstance(node.op, Conv):
        return f"{plan.problems[node.name].digest} {plan.candidates[node.name]!r}"
    return repr((node.op, [(graph.shape(name), borders.get(name)) for name in (*node.inputs, node.output)]))


def _measure(graph: Graph, node: Node, target: Target, plan: NetworkPlan, runner: SpikeRunner) -> ModelledCost | None:
    """Cost of one node; None if it makes no step."""
    alone = _alone(graph, node)
    program = lower(alone, target, plan.problems, plan.candidates, borders_of(graph, plan.problems))
    data = write(program, checksum)
    own = [
        i for i, (name, _) in enumerate(describe(data).steps) if name == node.name or name.startswith(f"{node.name}:")
    ]
    if not own:
        return None
    rng = np.random.default_rng(0)
    feeds = {name: rng.standard_normal(alone.shape(name), dtype=np.float32) for name in alone.inputs}
    measured = runner.measure(data, feeds, own[0], own[-1] + 1, EVICT_BYTES)
    expected = run_reference(alone, feeds)[_READ]
    error = relative_error([output.reshape(expected.shape) for output in measured.outputs], [expected])
    if not error <= TOLERANCE:
        raise WrongResultError(f"{node.name} is wrong by {error} of the largest output")
    return measured.cost


_MADE = "made:"  # prefix of the steps that stand for the nodes before
_READ = "read"  # the step that stands for a node behind


def _alone(graph: Graph, node: Node) -> Graph:
    """A graph of one node between others, as in the network: its inputs are made by nodes that copy the graph's inputs,
    the last input first, since a residual is older than what it is added to; its output is read by one more copy."""
    data = [name for name in dict.fromkeys(node.inputs) if name not in graph.constants]
    makers = tuple(Node(f"{_MADE}{name}", Act(IDENTITY), (f"in:{name}",), name) for name in reversed(data))
    shapes = {name: graph.shape(name) for name in (*data, node.output)}
    return replace(
        graph,
        inputs=tuple(f"in:{name}" for name in data),
        outputs=(_READ,),
        nodes=(*makers, node, Node(_READ, Act(IDENTITY), (node.output,), _READ)),
        constants={name: graph.constants[name] for name in node.inputs if name in graph.constants},
        shapes=shapes | {f"in:{name}": shapes[name] for name in data} | {_READ: shapes[node.output]},
    )
