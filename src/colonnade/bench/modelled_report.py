"""`colonnade bench --runner spike`: modelled cycles of a network at several sparsities, beside recorded ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from colonnade import api
from colonnade.bench.modelled import NodeCost, model_network
from colonnade.bench.progress import labelled, silent
from colonnade.bench.report import sparsity_text
from colonnade.bench.subject import open_model
from colonnade.bench.worker import OWN
from colonnade.errors import ColonnadeError
from colonnade.files import write_atomic
from colonnade.graph.onnx_import import import_model
from colonnade.graph.passes import optimize
from colonnade.plan.cache import PlanCache, default_cache_dir
from colonnade.plan.compiler import Plan, machine_key
from colonnade.plan.tuner import default_plan, tuned_plan
from colonnade.remote.spike import open_spike
from colonnade.target.riscv_model import BLOCK, INSTR, STREAM, ModelledCost, Reading
from colonnade.target.targets import target_named

if TYPE_CHECKING:
    from rich.table import Table

RECORDED = "xnnpack-dense (recorded)"
KERNELS = "cnm_"  # how the names of micro-kernels begin
_CONVOLUTION = "Conv"


@dataclass(frozen=True)
class LayerRow:
    """One node: modelled cycles (reading: stream), those of its micro-kernels alone and what these spend on multiply-
    adds (reading: instr)."""

    name: str
    op: str
    algorithm: str
    cycles: float
    kernel_cycles: float
    mac_cycles: float
    instructions: int


@dataclass(frozen=True)
class ModelledRow:
    """One runtime on one network. Cycles are modelled, `cycles` in the reading stream; conv_* are convolutions alone,
    which is all that was recorded of XNNPACK: its `cycles` are those. kernel_cycles and other_cycles (reading: instr)
    are the convolutions' micro-kernels, and their packing, padding and loops."""

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
    conv_instructions: int
    kernel_cycles: float | None = None
    other_cycles: float | None = None
    layers: tuple[LayerRow, ...] = ()

    @property
    def label(self) -> str:
        """Name of the row."""
        return self.runtime if self.runtime != OWN else f"{OWN} {sparsity_text(self.sparsity)}"


@dataclass(frozen=True)
class ModelledReport:
    """All rows of one or more networks. clock says that no board was asked."""

    target: str
    core: str
    results: tuple[ModelledRow, ...]
    clock: str = "modelled"


@dataclass(frozen=True)
class ModelledOptions:
    """What to model. A tuned plan is tuned on the simulator."""

    target: str = "spacemit-x60"
    sparsities: Sequence[float] = (0.0, 0.25, 0.5, 0.75)
    tile: int | Literal["auto"] = 14
    group: int | None = None
    skip: Sequence[str] = ()
    input_size: int | None = None
    plan: Plan = "default"


def run_modelled(source: str, options: ModelledOptions, tell: api.Progress = silent) -> ModelledReport:
    """Model `source`, a zoo name or an ONNX file, at each sparsity (ratios need 0 among them); what was recorded of
    it comes first.

    ColonnadeError for bad input, or where there is no simulator."""
    target = target_named(options.target)
    model = open_model(source, input_size=options.input_size)
    rows = [] if options.input_size else list(recorded_rows(model.name))
    with open_spike(target) as runner:
        for sparsity in sorted(set(options.sparsities)):
            told = labelled(tell, sparsity_text(sparsity))
            pruned = model
            if sparsity:
                pruned = api.prune(
                    model, sparsity, tile=options.tile, group=options.group, skip=options.skip, target=target.name
                )
            graph = optimize(import_model(pruned.proto, batch=1, input_size=options.input_size))
            if options.plan == "default":
                plan = default_plan(graph, target, 1)
            else:
                cache = PlanCache(default_cache_dir(), machine_key(runner, target, 1))
                plan = tuned_plan(graph, target, 1, runner, cache, told)
            costs = model_network(graph, target, plan, runner, told)
            rows.append(_own_row(model.name, sparsity, costs, {name: str(c) for name, c in plan.candidates.items()}))
        core = runner.core.name
    return ModelledReport(target.name, core, tuple(rows))


def _own_row(model: str, sparsity: float, costs: Sequence[NodeCost], algorithms: dict[str, str]) -> ModelledRow:
    convolutions = [node.cost for node in costs if node.op == _CONVOLUTION]
    kernels = sum(_kernel_cycles(cost) for cost in convolutions)
    every = [node.cost for node in costs]
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
        conv_instructions=sum(cost.instructions for cost in convolutions),
        kernel_cycles=kernels,
        other_cycles=_total(convolutions, INSTR) - kernels,
        layers=tuple(_layer_row(node, algorithms.get(node.name, "")) for node in costs),
    )


def _layer_row(node: NodeCost, algorithm: str) -> LayerRow:
    cost = node.cost
    macs = sum(part.mac_cycles for name, part in cost.by_function.items() if name.startswith(KERNELS))
    return LayerRow(node.name, node.op, algorithm, cost.cycles(STREAM), _kernel_cycles(cost), macs, cost.instructions)


def _kernel_cycles(cost: ModelledCost) -> float:
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
    return (ModelledRow(model, RECORDED, 0.0, 1, 1, cycles, instructions, instr, block, cycles, instructions),)


def to_json(report: ModelledReport) -> str:
    """`{"target": ..., "core": ..., "results": [...], "clock": "modelled"}`."""
    return json.dumps(asdict(report), indent=2, allow_nan=False) + "\n"


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
        return ModelledReport(data["target"], data["core"], tuple(rows), data["clock"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ColonnadeError(f"{path}: not a report of modelled cycles: {error}") from None


def table(report: ModelledReport) -> Table:
    """The rows as a rich table, in millions of modelled cycles."""
    from rich.table import Table

    caption = f"Modelled, not measured: {report.core}, one core, f32, batch 1; reading stream (docs/riscv-model.md)."
    text = Table(caption=caption, caption_justify="left")
    text.add_column("model")
    text.add_column("runtime")
    for heading in (
        "sparsity",
        "M cycles",
        "convolutions",
        "vs own dense",
        "vs XNNPACK",
        "kernels",
        "other",
        "M instr",
    ):
        text.add_column(heading, justify="right")
    for row in report.results:
        text.add_row(row.model, row.runtime, f"{row.sparsity * 100:.4g}%", *numbers(report, row))
    return text


def numbers(report: ModelledReport, row: ModelledRow) -> tuple[str, ...]:
    """A row's numbers as the tables print them: millions, and ratios of convolutions' cycles."""
    same = [other for other in report.results if other.model == row.model]
    own = next((other for other in same if other.runtime == OWN and other.sparsity == 0), None)
    recorded = next((other for other in same if other.runtime == RECORDED), None)
    return (
        "-" if row.runtime == RECORDED else _millions(row.cycles),
        _millions(row.conv_cycles),
        f"{own.conv_cycles / row.conv_cycles:.2f}x" if own else "-",
        f"{recorded.conv_cycles / row.conv_cycles:.2f}x" if recorded else "-",
        _millions(row.kernel_cycles),
        _millions(row.other_cycles),
        _millions(row.instructions),
    )


def _millions(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:.1f}"
