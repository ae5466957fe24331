"""Commands that measure: bench, forecast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colonnade.cli.options import (
    BatchOption,
    GroupOption,
    PlanOption,
    RepeatOption,
    SizeOption,
    SkipOption,
    SparsitiesOption,
    SubjectArgument,
    ThreadsOption,
    TileOption,
    check_positive,
    parse_group,
    parse_list,
    parse_plan,
    parse_sparsities,
    parse_tile,
    print_table,
    progress_bar,
)

if TYPE_CHECKING:
    from rich.table import Table

    from colonnade.bench.forecast import Forecast

EXIT_FAULT = 1  # Colonnade itself failed or was wrong: the report says how


def bench(
    model: SubjectArgument,
    sparsity: SparsitiesOption = "0,0.5,0.75",
    threads: ThreadsOption = 1,
    batch: Annotated[int, typer.Option(help="Images per run.")] = 1,
    repeat: RepeatOption = 20,
    against: Annotated[str | None, typer.Option(help="Comma-separated runtimes. [default: all known]")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the results to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the results to this .png or .svg file.")] = None,
    input_size: SizeOption = None,
    tile: TileOption = "8",
    group: GroupOption = "all",
    skip: SkipOption = None,
    plan: PlanOption = "tuned",
) -> None:
    """Time a network side by side with other runtimes, after checking every output."""
    from colonnade.bench import plot as plotting
    from colonnade.bench import report as reporting
    from colonnade.bench.peers import PEERS
    from colonnade.bench.run import Options, run_bench
    from colonnade.files import check_writable

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
    )
    for path in (json, plot):
        if path is not None:
            check_writable(path)
    if plot is not None:
        plotting.check_plot_path(plot)
    with progress_bar() as tell:
        report = run_bench(model, options, tell)
    print_table(reporting.table(report))
    if json is not None:
        reporting.write_json(report, json)
    if plot is not None:
        plotting.write_plot(report, plot)
    if report.own_faults:
        raise typer.Exit(EXIT_FAULT)


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
) -> None:
    """Time a network at sparsities nobody has trained it for yet, per layer and in total."""
    from colonnade.bench.forecast import forecast as run_forecast

    for option, value in (("--threads", threads), ("--batch", batch), ("--repeat", repeat)):
        check_positive(option, value)
    with progress_bar() as tell:
        found = run_forecast(
            model,
            parse_sparsities(sparsity),
            threads=threads,
            batch=batch,
            input_size=input_size,
            tile=parse_tile(tile),
            group=parse_group(group),
            skip=tuple(skip or ()),
            plan=parse_plan(plan),
            repeat=repeat,
            tell=tell,
        )
    print_table(_forecast_table(found))


def _forecast_table(found: Forecast) -> Table:
    from rich.table import Table

    from colonnade.bench.report import sparsity_text

    table = Table("layer", "operation", title=f"{found.model}, ms", title_justify="left")
    for sparsity in found.sparsities:
        table.add_column(sparsity_text(sparsity), justify="right")
    for layer in found.layers:
        table.add_row(layer.name, layer.op, *(f"{ms:.3f}" for ms in layer.ms))
    table.add_section()
    table.add_row("whole network", "", *(f"{ms:.2f}" for ms in found.total_ms), style="bold")
    dense = found.total_ms[0]
    table.add_row("against dense", "", *(f"{dense / ms:.2f}x" for ms in found.total_ms), style="bold")
    return table
