"""The command check: what would become of a model, before anything is done to it."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from colonnade.cli.options import (
    EXIT_FAULT,
    BatchOption,
    GroupOption,
    JsonOption,
    ModelArgument,
    ShapeOption,
    SizeOption,
    SkipOption,
    SparsitiesOption,
    TargetOption,
    TileOption,
    check_outputs,
    check_positive,
    parse_group,
    parse_shapes,
    parse_sparsities,
    parse_tile,
    print_table,
)
from colonnade.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from colonnade.plan.check import Outlook, Stage


def check(
    model: ModelArgument,
    sparsity: SparsitiesOption = "0.5,0.75",
    tile: TileOption = "8",
    group: GroupOption = "all",
    skip: SkipOption = None,
    batch: BatchOption = None,
    input_size: SizeOption = None,
    shape: ShapeOption = None,
    target: TargetOption = "native",
    layers: Annotated[bool, typer.Option("--layers", help="List every convolution.")] = False,
    json: JsonOption = None,
) -> int:
    """Say what compile and prune would say of a model: what is not supported, which layers can be pruned, and the gain
    to expect. The exit code is 1 if compile would refuse the model."""
    from colonnade import api
    from colonnade.files import write_atomic

    for option, value in (("--batch", batch), ("--input-size", input_size)):
        check_positive(option, value)
    check_outputs(json)
    outlook = api.check(
        model,
        target=target,
        sparsities=parse_sparsities(sparsity),
        tile=parse_tile(tile),
        group=parse_group(group),
        skip=skip or (),
        batch=batch,
        input_size=input_size,
        shapes=parse_shapes(shape),
    )
    if outlook.refusals:
        print_table(_refused(outlook))
    if layers and outlook.layers:
        print_table(_layers(outlook))
    for line in _summary(outlook):
        typer.echo(one_line(line))
    if json is not None:
        write_atomic(json, json_text.dumps(asdict(outlook), indent=2).encode())
    return 0 if outlook.imports else EXIT_FAULT


def _refused(outlook: Outlook) -> Table:
    """The nodes that cannot be imported, those of one operator and one reason in one row."""
    from rich.table import Table

    table = Table("operator", "nodes", "first node", "why it is not supported")
    groups: dict[tuple[str, str], list[str]] = {}
    for refusal in outlook.refusals:
        groups.setdefault((refusal.operator, refusal.reason or "no such operator"), []).append(refusal.node)
    for (operator, reason), nodes in groups.items():
        table.add_row(operator, str(len(nodes)), nodes[0], reason)
    return table


def _layers(outlook: Outlook) -> Table:
    from rich.table import Table

    table = Table("layer", "weights", "MMAC", "prune")
    for layer in outlook.layers:
        shape = "x".join(map(str, layer.shape)) or "-"
        macs = "-" if layer.macs is None else f"{layer.macs / 1e6:.1f}"
        table.add_row(layer.name, shape, macs, "yes" if layer.reason is None else f"no: {layer.reason}")
    return table


def _summary(outlook: Outlook) -> Iterator[str]:
    if outlook.imports:
        yield f"{outlook.name}: can be compiled"
    else:
        yield f"{outlook.name}: cannot be compiled as it is: {outlook.message}"
    for i, stage in enumerate(outlook.stages):
        yield f"with --fallback onnxruntime, stage {i + 1} by {_runs(stage)}"
    for note in outlook.notes:
        yield f"note: {note}"
    if not outlook.layers:
        yield "it has no convolutions, so there is nothing to prune"
        return
    macs, prunable = (sum(layer.macs or 0 for layer in some) for some in (outlook.layers, outlook.prunable))
    share = f" with {prunable / macs:.0%} of {macs / 1e9:.2f} GMAC" if macs else ""
    count = f"{len(outlook.prunable)} of {len(outlook.layers)} convolutions{share}"
    yield f"prune: {count}; dense stay: {_reasons(outlook)}"
    for sparsity, gain in outlook.gains.items():
        yield (
            f"at {sparsity:.0%} zeros its convolutions are expected to be {gain:.2f} times as fast as dense "
            f"(estimated for {outlook.target}, not timed)"
        )


def _runs(stage: Stage) -> str:
    count = sum(stage.operators.values())
    listed = ", ".join(f"{name} ({n})" for name, n in sorted(stage.operators.items(), key=lambda item: -item[1])[:6])
    more = ", ..." if len(stage.operators) > 6 else ""
    return f"{'Colonnade' if stage.native else 'ONNX Runtime'}: {count} nodes: {listed}{more}"


def _reasons(outlook: Outlook) -> str:
    """Why the others stay dense, counted."""
    counts: dict[str, int] = {}
    for layer in outlook.layers:
        if layer.reason is not None:
            counts[layer.reason] = counts.get(layer.reason, 0) + 1
    return "; ".join(f"{count} x {reason}" for reason, count in counts.items()) or "none"
