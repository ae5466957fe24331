"""Commands that measure: bench, forecast, profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colonnade.cli.arrays import assign, check_all_given, read_array
from colonnade.cli.options import (
    EXIT_FAULT,
    BatchOption,
    GroupOption,
    JsonOption,
    PlanOption,
    PlotOption,
    RepeatOption,
    RunnerOption,
    SizeOption,
    SkipOption,
    SparsitiesOption,
    SubjectArgument,
    SubjectsArgument,
    TargetOption,
    ThreadsOption,
    TileOption,
    check_outputs,
    check_positive,
    parse_group,
    parse_list,
    parse_plan,
    parse_sparsities,
    parse_tile,
    print_table,
    progress_bar,
)
from colonnade.errors import ColonnadeError

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from colonnade.bench.forecast import Forecast
    from colonnade.bench.run import Options


def bench(
    model: SubjectsArgument,
    sparsity: SparsitiesOption = "0,0.5,0.75",
    threads: ThreadsOption = 1,
    batch: Annotated[int, typer.Option(help="Images per run.")] = 1,
    repeat: RepeatOption = 20,
    against: Annotated[
        str | None, typer.Option(help="Runtimes to compare with, with commas between. [default: all known]")
    ] = None,
    json: JsonOption = None,
    plot: PlotOption = None,
    input_size: SizeOption = None,
    tile: TileOption = "8",
    group: GroupOption = "all",
    skip: SkipOption = None,
    plan: PlanOption = "tuned",
    target: TargetOption = "native",
    runner: RunnerOption = "local",
) -> None:
    """Check a network's outputs, then time it, dense and pruned, in turns with other runtimes."""
    from colonnade.bench.peers import PEERS
    from colonnade.bench.run import Options

    options = Options(
        sparsities=parse_sparsities(sparsity),
        threads=threads,
        batch=batch,
        repeat=repeat,
        against=tuple(PEERS) if against is None else parse_list(against, "--against", str),
        input_size=input_size,
        tile=parse_tile(tile),
        group=parse_group(group),
        skip=tuple(skip or ()),
        plan=parse_plan(plan),
        target=target,
        runner=runner,
    )
    check_outputs(json, plot=plot)
    if runner != "local" and against is not None:
        raise ColonnadeError(f"--against: other runtimes are timed on this machine only, not with --runner {runner}")
    if runner == "spike":
        _bench_modelled(model, options, json, plot)
    elif len(model) > 1:
        raise ColonnadeError(f"--runner {runner} takes one model at a time, not {len(model)}")
    else:
        _bench_measured(model[0], options, json, plot)


def _bench_measured(model: str, options: Options, json: Path | None, plot: Path | None) -> None:
    from colonnade.bench import plot as plotting
    from colonnade.bench import report as reporting
    from colonnade.bench.board import run_on_board
    from colonnade.bench.run import run_bench

    with progress_bar() as tell:
        report = (run_bench if options.runner == "local" else run_on_board)(model, options, tell)
    print_table(reporting.table(report))
    if json is not None:
        reporting.write_json(report, json)
    if plot is not None:
        plotting.write_plot(report, plot)
    if report.own_faults:
        raise typer.Exit(EXIT_FAULT)


def _bench_modelled(models: list[str], options: Options, json: Path | None, plot: Path | None) -> None:
    from colonnade.bench import modelled_report as reporting
    from colonnade.bench import modelled_show as showing

    with progress_bar() as tell:
        report = reporting.run_modelled(models, options, tell)
    print_table(showing.table(report))
    if json is not None:
        reporting.write_json(report, json)
    if plot is not None:
        showing.write_plot(report, plot)


def forecast(
    model: SubjectArgument,
    sparsity: SparsitiesOption = "0.25,0.5,0.75",
    threads: ThreadsOption = 1,
    batch: BatchOption = None,
    repeat: RepeatOption = 20,
    input_size: SizeOption = None,
    tile: TileOption = "8",
    group: GroupOption = "all",
    skip: SkipOption = None,
    plan: PlanOption = "tuned",
    target: TargetOption = "native",
    runner: RunnerOption = "local",
) -> None:
    """Time a network at several sparsities before it is trained for them, layer by layer and in total."""
    from colonnade.bench.forecast import forecast as run_forecast
    from colonnade.bench.run import Options

    check_positive("--batch", batch)
    options = Options(
        sparsities=parse_sparsities(sparsity),
        threads=threads,
        batch=batch or 1,
        repeat=repeat,
        input_size=input_size,
        tile=parse_tile(tile),
        group=parse_group(group),
        skip=tuple(skip or ()),
        plan=parse_plan(plan),
        target=target,
        runner=runner,
    )
    with progress_bar() as tell:
        found = run_forecast(model, options, batch, tell)
    print_table(_forecast_table(found))


def profile(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Compiled model.", show_default=False)],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", help="Input array: FILE.npy, or NAME=FILE.npy. May be repeated. [default: normal random numbers]"
        ),
    ] = None,
    repeat: RepeatOption = 20,
    threads: ThreadsOption = 1,
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Time a compiled model layer by layer, and compare with what this machine can reach at most."""
    from colonnade.bench import profile as profiling
    from colonnade.bench import profile_report as reporting
    from colonnade.bench import staged

    for option, value in (("--threads", threads), ("--repeat", repeat)):
        check_positive(option, value)
    check_outputs(json, plot=plot)
    feeds = _read_inputs(model, inputs) if inputs else None
    if staged.is_staged_file(model):
        if plot is not None:
            raise ColonnadeError("--plot: there is no plot of a model that ONNX Runtime runs a part of")
        stages = staged.profile_stages(model, feeds, threads=threads, repeat=repeat)
        print_table(staged.table(stages))
        if json is not None:
            staged.write_json(stages, json)
        return
    with progress_bar() as tell:
        found = profiling.profile(model, feeds, threads=threads, repeat=repeat, tell=tell)
    print_table(reporting.table(found))
    typer.echo(reporting.summary(found))
    if json is not None:
        profiling.write_json(found, json)
    if plot is not None:
        reporting.write_plot(found, plot)


def _read_inputs(model: Path, words: list[str]) -> dict[str, np.ndarray]:
    from colonnade.runtime.session import Session

    session = Session(model)
    sources = assign(words, [entry.name for entry in session.get_inputs()], "--input", "input")
    check_all_given(model, session, sources)
    return {name: read_array(path) for name, path in sources.items()}


def _forecast_table(found: Forecast) -> Table:
    from rich.table import Table

    from colonnade.bench.report import sparsity_text
    from colonnade.bench.timing import milliseconds
    from colonnade.runtime.binding import printable

    times = found.times
    table = Table("layer", "operation", title=f"{found.model}, {milliseconds(times.clock)}", title_justify="left")
    for sparsity in found.sparsities:
        table.add_column(sparsity_text(sparsity), justify="right")
    for layer in times.layers:
        table.add_row(printable(layer.name), layer.op, *("-" if ms != ms else f"{ms:.3f}" for ms in layer.ms))
    table.add_section()
    table.add_row("whole network", "", *(f"{ms:.2f}" for ms in times.total_ms), style="bold")
    dense = times.total_ms[0]
    table.add_row("against dense", "", *(f"{dense / ms:.2f}x" for ms in times.total_ms), style="bold")
    return table
