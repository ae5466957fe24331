"""Commands on compiled models: compile, run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colonnade.cli.arrays import assign, check_all_given, npy_bytes, read_array
from colonnade.cli.options import (
    BatchesOption,
    ModelArgument,
    PlanOption,
    RunnerOption,
    ShapeOption,
    SizesOption,
    TargetOption,
    ThreadsOption,
    check_positive,
    parse_batches,
    parse_plan,
    parse_shapes,
    parse_sizes,
    print_table,
    progress_bar,
)
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    from rich.table import Table

    from colonnade.plan.compiler import CompiledModel, LayerPlan, ProgramPlan


def compile_model(
    model: ModelArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. [default: MODEL.colonnade]")
    ] = None,
    target: TargetOption = "native",
    threads: ThreadsOption = 1,
    batch: BatchesOption = None,
    input_size: SizesOption = None,
    shape: ShapeOption = None,
    plan: PlanOption = "tuned",
    runner: RunnerOption = "local",
    fallback: Annotated[
        str | None, typer.Option(help="Who runs the nodes that are not supported: onnxruntime. [default: nobody]")
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Print the kernel that was chosen for each layer.")] = False,
) -> None:
    """Plan a model for a target and write one file that the runtime maps and runs.

    Lists of batches and input sizes make one file with a program for every pair; programs share weights.
    """
    from colonnade import api
    from colonnade.files import check_writable

    path = output or model.with_suffix(".colonnade")
    kind = parse_plan(plan)
    if kind == "default" and runner != "local":
        raise ColonnadeError(
            f"--runner {runner}: the default plan measures nothing; leave out either --runner or --plan default"
        )
    check_positive("--threads", threads)
    batches, sizes = parse_batches(batch), parse_sizes(input_size)
    check_writable(path)
    with progress_bar() as tell:
        compiled = api.compile(
            model,
            target=target,
            threads=threads,
            batch=batches,
            input_size=sizes,
            shapes=parse_shapes(shape),
            plan=kind,
            runner=runner,
            progress=tell,
            fallback=fallback,
        )
    compiled.save(path)
    if layers:
        print_table(_layer_table(compiled.layers))
        for program in compiled.programs[1:]:
            typer.echo(_shapes_text(program))
            print_table(_layer_table(program.layers))
    for note in compiled.notes:
        typer.echo(f"note: {note}")
    for program in compiled.programs[1:]:
        typer.echo(f"{_shapes_text(program)}: {program.more_bytes / 1e6:.1f} MB of weights and tables of its own")
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
    programs = f", {len(compiled.programs)} programs" if len(compiled.programs) > 1 else ""
    layers = f", {len(compiled.layers)} layers{share}"
    return f"{path}: {len(compiled.data) / 1e6:.1f} MB for {compiled.target}{programs}{layers}"


def _shapes_text(program: ProgramPlan) -> str:
    """The inputs of a program and their shapes."""
    from colonnade.runtime.binding import printable

    return ", ".join(f"{printable(name)} {'x'.join(map(str, shape))}" for name, shape in program.inputs)


def _layer_table(layers: Sequence[LayerPlan]) -> Table:
    from rich.table import Table

    from colonnade.runtime.binding import printable

    table = Table("layer", "shape", "algorithm")
    for heading in ("MMAC", "kept", "ms"):
        table.add_column(heading, justify="right")
    for layer in layers:
        table.add_row(
            printable(layer.name),
            layer.shape,
            layer.algorithm,
            f"{layer.macs / 1e6:.1f}",
            f"{layer.kept_macs / layer.macs:.0%}" if layer.macs else "-",
            "-" if layer.ms is None else f"{layer.ms:.3f}",
        )
    return table
