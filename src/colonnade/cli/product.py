"""Commands on compiled models: compile, run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colonnade.cli.arrays import assign, check_all_given, npy_bytes, read_array
from colonnade.cli.options import (
    BatchOption,
    ModelArgument,
    PlanOption,
    RunnerOption,
    ShapeOption,
    SizeOption,
    TargetOption,
    ThreadsOption,
    check_positive,
    parse_plan,
    parse_shapes,
    print_table,
    progress_bar,
)
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from rich.table import Table

    from colonnade.plan.compiler import CompiledModel


def compile_model(
    model: ModelArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. [default: MODEL.colonnade]")
    ] = None,
    target: TargetOption = "native",
    threads: ThreadsOption = 1,
    batch: BatchOption = None,
    input_size: SizeOption = None,
    shape: ShapeOption = None,
    plan: PlanOption = "tuned",
    runner: RunnerOption = "local",
    fallback: Annotated[
        str | None, typer.Option(help="Who runs the nodes that are not supported: onnxruntime. [default: nobody]")
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Print the kernel that was chosen for each layer.")] = False,
) -> None:
    """Plan a model for a target and write one file that the runtime maps and runs."""
    from colonnade import api
    from colonnade.files import check_writable

    path = output or model.with_suffix(".colonnade")
    kind = parse_plan(plan)
    if kind == "default" and runner != "local":
        raise ColonnadeError(
            f"--runner {runner}: the default plan measures nothing; leave out either --runner or --plan default"
        )
    for option, value in (("--threads", threads), ("--batch", batch), ("--input-size", input_size)):
        check_positive(option, value)
    check_writable(path)
    with progress_bar() as tell:
        compiled = api.compile(
            model,
            target=target,
            threads=threads,
            batch=batch,
            input_size=input_size,
            shapes=parse_shapes(shape),
            plan=kind,
            runner=runner,
            progress=tell,
            fallback=fallback,
        )
    compiled.save(path)
    if layers:
        print_table(_layer_table(compiled))
    for note in compiled.notes:
        typer.echo(f"note: {note}")
    typer.echo(_summary(compiled, path))


def run(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Compiled model.", show_default=False)],
    inputs: Annotated[
        list[str], typer.Option("--input", help="Input array: FILE.npy, or NAME=FILE.npy. May be repeated.")
    ],
    outputs: Annotated[
        list[str], typer.Option("--output", help="Output to write: FILE.npy, or NAME=FILE.npy. May be repeated.")
    ],
    threads: ThreadsOption = 1,
) -> None:
    """Run a compiled model on arrays from .npy files."""
    from colonnade.files import check_writable, write_atomic
    from colonnade.runtime.session import Session

    check_positive("--threads", threads)
    session = Session(model, threads=threads)
    sources = assign(inputs, [entry.name for entry in session.get_inputs()], "--input", "input")
    sinks = assign(outputs, [entry.name for entry in session.get_outputs()], "--output", "output")
    check_all_given(model, session, sources)
    for path in sinks.values():
        check_writable(path)
    feeds = {name: read_array(path) for name, path in sources.items()}
    for path, array in zip(sinks.values(), session.run(list(sinks), feeds), strict=True):
        write_atomic(path, npy_bytes(array))


def _summary(compiled: CompiledModel, path: Path) -> str:
    macs = sum(layer.macs for layer in compiled.layers)
    kept = sum(layer.kept_macs for layer in compiled.layers)
    share = f", {kept / macs:.0%} of {macs / 1e9:.2f} GMAC kept" if macs else ""
    return f"{path}: {len(compiled.data) / 1e6:.1f} MB for {compiled.target}, {len(compiled.layers)} layers{share}"


def _layer_table(compiled: CompiledModel) -> Table:
    from rich.table import Table

    from colonnade.runtime.binding import printable

    table = Table("layer", "shape", "algorithm")
    for heading in ("MMAC", "kept", "ms"):
        table.add_column(heading, justify="right")
    for layer in compiled.layers:
        table.add_row(
            printable(layer.name),
            layer.shape,
            layer.algorithm,
            f"{layer.macs / 1e6:.1f}",
            f"{layer.kept_macs / layer.macs:.0%}" if layer.macs else "-",
            "-" if layer.ms is None else f"{layer.ms:.3f}",
        )
    return table
