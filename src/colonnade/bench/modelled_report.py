"""Modelled cycles of networks at several sparsities, beside what was recorded of XNNPACK (docs/riscv-model.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from colonnade import api
from colonnade.bench.modelled import CostCache, NodeCost, model_network
from colonnade.bench.progress import labelled, silent
from colonnade.bench.report import sparsity_text
from colonnade.bench.run import Options
from colonnade.bench.subject import open_model
from colonnade.bench.worker import OWN
from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.plan.choose.cache import PlanCache, default_cache_dir
from colonnade.plan.choose.chain import chained
from colonnade.plan.choose.tuner import NetworkPlan, default_plan, tuned_plan
from colonnade.plan.compiler import machine_key, resolve_target
from colonnade.remote.spike import SpikeRunner, open_spike
from colonnade.target.riscv_model import BLOCK, INSTR, STREAM, ModelledCost, Reading
from colonnade.target.targets import Target

RECORDED = "xnnpack-dense (recorded)"
MODELLED = "modelled"
# How the names of micro-kernels begin, those of transforms left out.
KERNELS = ("cnm_", "channels_", "depthwise_f32_")
_CONVOLUTION = "Conv"


@dataclass(frozen=True)
class LayerRow:
    """One node, or a chained pair. cycles: reading stream; the others: reading instr. gemm_cycles are its micro-kernels
    alone, of which mac_cycles multiply-adds; packing_cycles all else: padding, phases, packing, transforms, edges,
    loops."""

    name: str
    op: str
    algorithm: str
    cycles: float
    cycles_instr: float
    gemm_cycles: float
    mac_cycles: float
    packing_cycles: float
    instructions: int


@dataclass(frozen=True)
class ModelledRow:
    """One runtime on one network. `cycles` are of the reading stream, cycles_instr and cycles_block of the two others;
    conv_* are convolutions alone, which is all that was recorded of XNNPACK: its `cycles` are those. gemm_cycles and
    packing_cycles (reading: instr) are the sums over the convolutions, see LayerRow. tile, plan: how Colonnade's masks
    and plan were made."""

    model: str
    runtime: str
    sparsity: float
    threads: int
    batch: int
    cycles: float
    instructions: int
    cycles_instr: float
    cycles_block: float
    conv_cycles: float
    conv_cycles_instr: float
    conv_instructions: int
    gemm_cycles: float | None = None
    packing_cycles: float | None = None
    tile: int | str | None = None
    plan: str | None = None
    clock: str = MODELLED
    layers: tuple[LayerRow, ...] = ()

    @property
    def label(self) -> str:
        """Name of the row."""
        return self.runtime if self.runtime != OWN else f"{OWN} {sparsity_text(self.sparsity)}"


@dataclass(frozen=True)
class ModelledReport:
    """All rows of one or more networks. hertz: the modelled core's usual clock."""

    target: str
    core: str
    hertz: float
    results: tuple[ModelledRow, ...]

    def own_dense(self, model: str) -> ModelledRow | None:
        """Colonnade's row of a network at sparsity 0."""
        rows = (row for row in self.results if row.model == model and row.runtime == OWN)
        return next((row for row in rows if row.sparsity == 0), None)

    def recorded(self, model: str) -> ModelledRow | None:
        """What was recorded of a network."""
        return next((row for row in self.results if row.model == model and row.runtime == RECORDED), None)


def run_modelled(
    sources: Sequence[str], options: Options, tell: api.Progress = silent, cache_dir: Path | None = None
) -> ModelledReport:
    """Model each of `sources`, zoo names or ONNX files, dense and at each sparsity; what was recorded of a network
    comes first. A tuned plan is tuned on the simulator. Every node's output is checked against the numpy oracle.
    cache_dir: where costs of nodes are kept, by default the user's cache directory.

    ColonnadeError for bad input, before any long work, or where there is no simulator."""
    options.check()
    target = resolve_target(options.target)
    models = [open_model(source, input_size=options.input_size) for source in sources]
    for model in models:
        import_model(model.proto, batch=1, input_size=options.input_size)
    rows: list[ModelledRow] = []
    with open_spike(target) as runner:
        for model in models:
            rows += recorded_rows(model.name) if options.input_size is None else ()
            for sparsity in sorted({0.0, *options.sparsities}):
                told = labelled(tell, f"{model.name} {sparsity_text(sparsity)}")
                pruned = options.prune(model, sparsity)
                nodes, plan = model_nodes(pruned, options, target, runner, told, cache_dir)
                algorithms = {name: plan.algorithm(name) for name in plan.choices}
                rows.append(_row(model.name, sparsity, nodes, algorithms, options))
        return ModelledReport(target.name, runner.core.name, runner.core.hertz, tuple(rows))


def model_nodes(
    model: api.Model,
    options: Options,
    target: Target,
    runner: SpikeRunner,
    tell: api.Progress,
    cache_dir: Path | None = None,
    merge: bool = True,
    chain: bool = True,
) -> tuple[tuple[NodeCost, ...], NetworkPlan]:
    """The cost of every node of a model by the plan of `options`, and that plan. merge: as for `optimize`; chain: pairs
    of convolutions may run panel by panel, and are one entry."""
    graph = optimize(import_model(model.proto, batch=1, input_size=options.input_size), merge=merge)
    machine = machine_key(runner, target, 1)
    if options.plan == "default":
        plan = default_plan(graph, target)
    else:
        plan = tuned_plan(graph, target, 1, runner, PlanCache(default_cache_dir(), machine), tell)
    if chain:
        plan = chained(plan, graph, target)
    cache = CostCache(cache_dir or default_cache_dir("modelled"), machine, runner.core)
    return model_network(graph, target, plan, runner, tell, cache), plan


def _row(
    model: str, sparsity: float, nodes: Sequence[NodeCost], algorithms: dict[str, str], options: Options
) -> ModelledRow:
    every = [node.cost for node in nodes]
    convolutions = [node.cost for node in nodes if node.op == _CONVOLUTION]
    gemm = sum(_gemm_cycles(cost) for cost in convolutions)
    return ModelledRow(
        model=model,
        runtime=OWN,
        sparsity=sparsity,
        threads=1,
        batch=1,
        cycles=_total(every, STREAM),
        instructions=sum(cost.instructions for cost in every),
        cycles_instr=_total(every, INSTR),
        cycles_block=_total(every, BLOCK),
        conv_cycles=_total(convolutions, STREAM),
        conv_cycles_instr=_total(convolutions, INSTR),
        conv_instructions=sum(cost.instructions for cost in convolutions),
        gemm_cycles=gemm,
        packing_cycles=_total(convolutions, INSTR) - gemm,
        tile=options.tile if sparsity else None,
        plan=options.plan,
        layers=tuple(_layer_row(node, algorithms) for node in nodes),
    )


def _layer_row(node: NodeCost, algorithms: dict[str, str]) -> LayerRow:
    cost, gemm = node.cost, _gemm_cycles(node.cost)
    return LayerRow(
        name=node.name,
        op=node.op,
        algorithm="; ".join(filter(None, (algorithms.get(name) for name in node.names))),
        cycles=cost.cycles(STREAM),
        cycles_instr=cost.cycles(INSTR),
        gemm_cycles=gemm,
        mac_cycles=sum(part.mac_cycles for name, part in cost.by_function.items() if name.startswith(KERNELS)),
        packing_cycles=cost.cycles(INSTR) - gemm,
        instructions=cost.instructions,
    )


def _gemm_cycles(cost: ModelledCost) -> float:
    return sum(part.cycles for name, part in cost.by_function.items() if name.startswith(KERNELS))


def _total(costs: Sequence[ModelledCost], reading: Reading) -> float:
    return sum(cost.cycles(reading) for cost in costs)


def recorded_rows(model: str) -> tuple[ModelledRow, ...]:
    """What was recorded of XNNPACK on a zoo network, at its usual input size; empty if nothing was."""
    count = f"count_{model}"
    layers = json.loads(files("colonnade.bench").joinpath("recorded/xnnpack_dense_x60.json").read_text())["layers"]
    if not any(count in layer for layer in layers):
        return ()

    def total(what: str) -> int:
        return sum(layer[count] * layer["xnnpack_dense"][what] for layer in layers)

    cycles, instructions = total("cycles_stream"), total("instructions")
    instr, block = total("cycles_instr"), total("cycles_block")
    return (ModelledRow(model, RECORDED, 0.0, 1, 1, cycles, instructions, instr, block, cycles, instr, instructions),)


def to_json(report: ModelledReport) -> str:
    """`{"target": ..., "core": ..., "results": [...]}`, every result row complete."""
    return json.dumps(asdict(report), indent=1, allow_nan=False) + "\n"


def write_json(report: ModelledReport, path: Path) -> None:
    """Write `to_json(report)` to `path`, whole or not at all."""
    write_atomic(path, to_json(report).encode())


def read_json(path: Path) -> ModelledReport:
    """A report that `write_json` wrote. ColonnadeError if `path` holds none."""
    try:
        data = json.loads(path.read_text())
        rows = [
            ModelledRow(**{**row, "layers": tuple(LayerRow(**layer) for layer in row["layers"])})
            for row in data["results"]
        ]
        return ModelledReport(data["target"], data["core"], data["hertz"], tuple(rows))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ColonnadeError(f"{path}: not a report of modelled cycles: {error}") from None
