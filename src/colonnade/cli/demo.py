"""The command that shows what the package does: demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colonnade.cli.options import (
    EXIT_FAULT,
    JsonOption,
    PlanOption,
    PlotOption,
    RepeatOption,
    SparsitiesOption,
    ThreadsOption,
    check_outputs,
    parse_list,
    parse_plan,
    parse_sparsities,
    print_table,
    progress_bar,
)


def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with Fashion-MNIST. [default: that of Debian's package; without it, use digits]"),
    ] = None,
    sparsity: SparsitiesOption = "0.5,0.75",
    threads: ThreadsOption = 1,
    repeat: RepeatOption = 100,
    against: Annotated[str, typer.Option(help="Runtimes to compare with, with commas between.")] = "onnxruntime",
    plan: PlanOption = "tuned",
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Show the zoo's trained networks on real images, dense and pruned: top-1 and milliseconds."""
    from colonnade.bench import demo_report as reporting
    from colonnade.bench.demo import demo_data, run_demo
    from colonnade.bench.run import Options
    from colonnade.data.known import DIGITS, FASHION_MNIST

    options = Options(
        sparsities=parse_sparsities(sparsity),
        threads=threads,
        repeat=repeat,
        against=parse_list(against, "--against", str),
        plan=parse_plan(plan),
    )
    check_outputs(json, plot=plot)
    images = demo_data(data)
    with progress_bar() as tell:
        found = run_demo(images, options, tell)
    if images.name == DIGITS:
        typer.echo(
            f"no Fashion-MNIST in {FASHION_MNIST} (apt-get install dataset-fashion-mnist, or --data FOLDER): "
            "scikit-learn's digits instead"
        )
    print_table(reporting.table(found))
    if json is not None:
        reporting.write_json(found, json)
    if plot is not None:
        reporting.write_plot(found, plot)
    if any(shown.speed.own_faults for shown in found.networks):
        raise typer.Exit(EXIT_FAULT)
